import { dismissPreparedWorker } from "../engine/host/worker-child.ts";
import type { GatewayOptions, RunningGateway } from "../gateway/gateway.ts";

/**
 * Starts a gateway, its engines first: they load their models while this process still reads the server's code, its presets and its stored
 * answers. Throws what `startGateway` of the gateway throws; no engine is left running then.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  // Loaded here and not with the command line: a wrong setting is told before.
  const { createEngines } = await import("../gateway/engines.ts");
  const engines = createEngines(options);
  // How it went is told to the gateway, which waits for them too.
  for (const engine of engines.values()) engine.start().catch(() => {});
  // Nobody has taken it where no model writes text.
  dismissPreparedWorker();
  try {
    const { startGateway: start } = await import("../gateway/gateway.ts");
    return await start({ ...options, engines });
  } catch (error) {
    await Promise.all(Array.from(engines.values(), (engine) => engine.stop()));
    throw error;
  }
}
