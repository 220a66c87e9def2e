import type { Clock } from "../../clock.ts";
import type { EngineLogger } from "./worker-process.ts";

/**
 * Wraps a callback for a timer, a stream or a process, so that its errors are logged. Uncaught, they would end the gateway, with every
 * model and request.
 */
type Guard = <Arguments extends readonly unknown[]>(
  occasion: string,
  callback: (...args: Arguments) => void,
) => (...args: Arguments) => void;

export function createGuard(logger: Pick<EngineLogger, "error">): Guard {
  return (occasion, callback) =>
    (...args) => {
      try {
        callback(...args);
      } catch (error) {
        logger.error({ err: error, occasion }, "a defect of Sluice's own: an engine's news could not be handled");
      }
    };
}

/** A clock whose timer callbacks are guarded. */
export function guardClock(clock: Clock, guard: Guard): Clock {
  return {
    now: () => clock.now(),
    after: (delayMs, callback) => clock.after(delayMs, guard("timer", callback)),
  };
}
