/** A bound on bytes, and how many are taken of it. */
export type Bound = { readonly max: number; used: number };

type Waiter = { readonly bytes: number; readonly bounds: readonly Bound[]; readonly enter: () => void };

/** Room for what is in flight. */
export type ByteRoom = {
  /**
   * Resolves when there is room within all bounds, with what gives the bytes back. What is larger than a bound gets it alone. Rejects with the
   * signal's reason.
   */
  readonly take: (bytes: number, bounds: readonly Bound[], signal: AbortSignal) => Promise<() => void>;
};

/** Who waits at a bound has its turn before all that came later and need the same bound, so large ones are not passed by small ones for ever. */
export function createByteRoom(): ByteRoom {
  const waiting = new Set<Waiter>();

  function admit(): void {
    const blocked = new Set<Bound>();
    for (const waiter of waiting) {
      const { bytes, bounds, enter } = waiter;
      if (bounds.some((bound) => blocked.has(bound))) continue;
      const full = bounds.filter(({ max, used }) => used > 0 && used + bytes > max);
      for (const bound of full) blocked.add(bound);
      if (full.length > 0) continue;
      waiting.delete(waiter);
      for (const bound of bounds) bound.used += bytes;
      enter();
    }
  }

  return {
    async take(bytes, bounds, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = { bytes, bounds, enter: resolve };
      const leave = () => {
        // One that has entered gives its bytes back itself.
        if (!waiting.delete(waiter)) return;
        reject(signal.reason);
        admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      waiting.add(waiter);
      admit();
      await promise.finally(() => signal.removeEventListener("abort", leave));
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        for (const bound of bounds) bound.used -= bytes;
        admit();
      };
    },
  };
}
