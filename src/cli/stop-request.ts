import type { Config } from "../config/schema.ts";
import type { RequestStop, StopPlan } from "../http/stop.ts";

/** So long the answer may take to leave. */
const ANSWER_MS = 50;

/** A stop that is asked for over HTTP. */
export type StopRequest = {
  readonly requestStop: RequestStop;
  /** Resolves once it is asked for. */
  readonly asked: Promise<undefined>;
  /** How it shall stop. */
  readonly plan: () => StopPlan;
};

/** @param processId the gateway's own, and @param parentId that of the program that started it */
export function holdStopRequest(
  config: Pick<Config, "shutdownGraceMs" | "drainDelayMs">,
  env: NodeJS.ProcessEnv,
  [processId, parentId]: readonly [number, number] = [process.pid, process.ppid],
): StopRequest {
  const asking = Promise.withResolvers<undefined>();
  const serviceManager = managerIn(env, [processId, parentId]);
  const known = serviceManager !== undefined && { serviceManager };
  let plan: StopPlan = { delayMs: config.drainDelayMs, graceMs: config.shutdownGraceMs, ...known };
  return {
    requestStop(isNow) {
      if (isNow) plan = { delayMs: 0, graceMs: 0, ...known };
      setTimeout(asking.resolve, ANSWER_MS, undefined);
      return plan;
    },
    asked: asking.promise,
    plan: () => plan,
  };
}

/** Both set a variable, which every program inherits that a service starts: systemd's names the process that it means. */
function managerIn(env: NodeJS.ProcessEnv, ids: readonly number[]): StopPlan["serviceManager"] {
  if (ids.includes(Number(env.SYSTEMD_EXEC_PID))) return "systemd";
  return env.XPC_SERVICE_NAME?.startsWith("io.github.sluice-gateway") ? "launchd" : undefined;
}
