/** Counts the calls of functions that are still running. */
export type CallCount = {
  readonly around: <Arguments extends readonly unknown[], Result>(
    call: (...given: Arguments) => Promise<Result>,
  ) => (...given: Arguments) => Promise<Result>;
  /** Resolves once none is running. */
  readonly idle: () => Promise<void>;
};

export function countCalls(): CallCount {
  const waiting = new Set<() => void>();
  let running = 0;

  function leave(): void {
    running -= 1;
    if (running > 0) return;
    for (const resolve of waiting) resolve();
    waiting.clear();
  }

  return {
    around:
      (call) =>
      async (...given) => {
        running += 1;
        try {
          return await call(...given);
        } finally {
          leave();
        }
      },
    idle: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve))),
  };
}
