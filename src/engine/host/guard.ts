import type { Clock } from "../../clock.ts";
import type { EngineLogger } from "./worker-process.ts";

/**
 * Makes a callback safe to hand to a timer, a stream or a process: what it throws is logged, and goes no further. Nobody else could catch it
 * there, so it would end the gateway, with every model and every request, for a mistake that concerns one of them.
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

/** A clock whose timers end nothing but themselves. */
export function guardClock(clock: Clock, guard: Guard): Clock {
  return {
    now: () => clock.now(),
    after: (delayMs, callback) => clock.after(delayMs, guard("timer", callback)),
  };
}
