import type { Generate } from "../generation/layer.ts";

/** The requests of one model that are on their way to an upstream. */
export type InHand = {
  readonly counts: () => { readonly waiting: number; readonly running: number };
  /**
   * Counts a request as waiting from its first `next()`, as running from when `ask` is called with what `wait` lets through, and until it has
   * ended. Costs nothing for each event.
   */
  readonly through: (wait: (ask: Generate) => Generate, ask: Generate) => Generate;
  /** Counts it as running until it is settled. */
  readonly during: <T>(work: () => Promise<T>) => Promise<T>;
};

export function countInHand(): InHand {
  let waiting = 0;
  let running = 0;

  return {
    counts: () => ({ waiting, running }),
    through: (wait, ask) => (request) => ({
      [Symbol.asyncIterator]() {
        let state: "new" | "waiting" | "running" | "gone" = "new";

        function leave(): void {
          if (state === "waiting") waiting -= 1;
          if (state === "running") running -= 1;
          state = "gone";
        }

        async function* run(admitted: Parameters<Generate>[0]) {
          leave();
          state = "running";
          running += 1;
          try {
            yield* ask(admitted);
          } finally {
            leave();
          }
        }

        const events = wait(run)(request)[Symbol.asyncIterator]();
        /** What is refused has never run. */
        function settle(): void {
          if (state === "waiting") leave();
        }
        return {
          next() {
            if (state !== "new") return events.next();
            state = "waiting";
            waiting += 1;
            const first = events.next();
            first.then(settle, settle);
            return first;
          },
          async return() {
            settle();
            await events.return?.();
            return { done: true, value: undefined };
          },
        };
      },
    }),
    async during(work) {
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
      }
    },
  };
}
