import type { Clock } from "../clock.ts";

/** Whether any client's requests are in progress, for work that runs only while there are none. */
export type Attendance = {
  /** Notes that a request has arrived. Call the returned function once, when it has left. */
  readonly come: () => () => void;
  /**
   * Resolves once there has been no request for `ms`, counted from this call at the earliest. The resulting signal is aborted when the next
   * request arrives. Rejects with the reason of `signal`.
   */
  readonly quiet: (ms: number, signal: AbortSignal) => Promise<AbortSignal>;
};

export function createAttendance(clock: Clock): Attendance {
  const onArrival = new Set<() => void>();
  const onEmpty = new Set<() => void>();
  let present = 0;

  function callAll(callbacks: Set<() => void>): void {
    const due = [...callbacks];
    callbacks.clear();
    for (const callback of due) callback();
  }

  /** Undefined if a request arrived within `ms`. */
  function stayEmpty(ms: number, signal: AbortSignal): Promise<AbortSignal | undefined> {
    return new Promise((resolve) => {
      const disturb = () => {
        cancel();
        settle(undefined);
      };
      const cancel = clock.after(ms, () => {
        const somebody = new AbortController();
        onArrival.add(() => somebody.abort());
        settle(somebody.signal);
      });
      onArrival.add(disturb);
      signal.addEventListener("abort", disturb, { once: true });

      function settle(quiet: AbortSignal | undefined): void {
        onArrival.delete(disturb);
        signal.removeEventListener("abort", disturb);
        resolve(quiet);
      }
    });
  }

  function becomeEmpty(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        onEmpty.delete(settle);
        signal.removeEventListener("abort", settle);
        resolve();
      };
      onEmpty.add(settle);
      signal.addEventListener("abort", settle, { once: true });
    });
  }

  return {
    come() {
      present += 1;
      callAll(onArrival);
      return () => {
        present -= 1;
        if (present === 0) callAll(onEmpty);
      };
    },
    async quiet(ms, signal) {
      for (;;) {
        signal.throwIfAborted();
        if (present > 0) {
          await becomeEmpty(signal);
          continue;
        }
        const quiet = await stayEmpty(ms, signal);
        if (quiet !== undefined) return quiet;
      }
    },
  };
}
