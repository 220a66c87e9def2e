import type { Clock } from "../../clock.ts";

/** How often a client hears of a call, so that it sees that the call lives. */
const TICK_MS = 1_000;

type Progress = { readonly progress: number; readonly message: string };

/** Tells a client how far a call is: at once when it first has something to tell, then once a second. */
export type ProgressTeller = { readonly report: (state: string) => void; readonly end: () => void };

/** @param send tells the client; `progress` is the seconds since the call began, which always grows */
export function createProgressTeller(send: (progress: Progress) => void, clock: Clock): ProgressTeller {
  const beginMs = clock.now();
  let state = "";
  let last = -1;
  let cancel = () => {};

  function tick(): void {
    const progress = Math.round(clock.now() - beginMs) / 1_000;
    // Clients may refuse what doesn't grow.
    if (progress > last) send({ progress, message: state });
    last = Math.max(last, progress);
    cancel = clock.after(TICK_MS, tick);
  }

  return {
    report(next) {
      const isFirst = state === "";
      state = next;
      if (isFirst) tick();
    },
    end: () => cancel(),
  };
}
