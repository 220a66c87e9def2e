import { LAUNCHED_VARIABLE } from "../config/environment.ts";

/** The part of `process` that is needed, so that tests can replace it. */
type ParentSource = {
  readonly pid: number;
  readonly ppid: number;
  readonly platform: NodeJS.Platform;
  kill(pid: number, signal: "SIGTERM"): unknown;
};

const LOOK_MS = 1_000;

/** The package whose scripts run this program in a checkout. */
const OWN_PACKAGE = "sluice-gateway";

/**
 * Sends the program SIGTERM when the one that has started it is gone: `bin/sluice.js`, if it was killed, or the shell that runs `npm start`, which
 * passes no signal on. Whoever else starts it may leave it behind.
 */
export function watchParent(source: ParentSource, env: NodeJS.ProcessEnv): Disposable {
  const isScript = env.npm_lifecycle_event !== undefined && env.npm_package_name === OWN_PACKAGE;
  // Windows keeps the number of a parent that is gone.
  if ((!isScript && env[LAUNCHED_VARIABLE] === undefined) || source.platform === "win32") {
    return { [Symbol.dispose]() {} };
  }
  const parent = source.ppid;
  const timer = setInterval(() => {
    if (source.ppid === parent) return;
    clearInterval(timer);
    source.kill(source.pid, "SIGTERM");
  }, LOOK_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
