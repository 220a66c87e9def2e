import type { Clock } from "../../clock.ts";

/** Lets the scheduler sleep until it is woken. */
export type Alarm = {
  /** There may be something to do. */
  readonly wake: () => void;
  /** Resolves when it is woken, or after `idleMs`. */
  readonly sleep: (idleMs?: number) => Promise<"woken" | "idle">;
};

export function createAlarm(clock: Clock): Alarm {
  let wake: (() => void) | undefined;
  return {
    wake: () => wake?.(),
    async sleep(idleMs) {
      const { promise, resolve } = Promise.withResolvers<"woken" | "idle">();
      wake = () => resolve("woken");
      const cancel = idleMs === undefined ? undefined : clock.after(idleMs, () => resolve("idle"));
      const woken = await promise;
      wake = undefined;
      cancel?.();
      return woken;
    },
  };
}
