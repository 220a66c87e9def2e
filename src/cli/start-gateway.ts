import { dismissPreparedWorker } from "../engine/host/worker-child.ts";
import type { GatewayOptions } from "../gateway/options.ts";
import type { RunningGateway } from "../gateway/start.ts";

/**
 * Starts a gateway. Its engines start first, so that they load their models while this process reads the server's code, the presets and the
 * cache. Throws the errors of the gateway's `startGateway`; no engine is left running then.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  // Loaded here rather than with the command line, so that an invalid setting is reported sooner.
  const { createEngines, isPreloaded } = await import("../gateway/engines.ts");
  const engines = createEngines(options);
  const { config, models, onDemand = [] } = options;
  const preloaded = [
    ...models.filter((model) => isPreloaded(config, model)),
    ...onDemand.filter((model) => isPreloaded(config, { ...model, isOnDemand: true })),
  ];
  // The gateway awaits the engines, too, and gets their errors.
  for (const { id } of preloaded) {
    for (const engine of engines.processes.get(id)?.engines ?? []) engine.start().catch(() => {});
  }
  // Not taken if no model writes text.
  dismissPreparedWorker();
  try {
    const { startGateway: start } = await import("../gateway/start.ts");
    return await start({ ...options, engines });
  } catch (error) {
    await Promise.all([...engines.processes.values()].flatMap((each) => each.engines.map((engine) => engine.stop())));
    throw error;
  }
}
