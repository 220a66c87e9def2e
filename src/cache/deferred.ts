/**
 * An iterator whose source is created asynchronously, when the first event is asked for. If the reader leaves before, it is released at once and
 * `signal` is aborted; a source that is created all the same is left too.
 */
export function deferred<T>(begin: (signal: AbortSignal) => Promise<AsyncIterator<T>>): AsyncIterator<T> {
  const done = { done: true, value: undefined } as const;
  const left = new AbortController();
  const leaving = Promise.withResolvers<typeof done>();
  let coming: Promise<AsyncIterator<T>> | undefined;
  let source: AsyncIterator<T> | undefined;

  async function come(): Promise<AsyncIterator<T>> {
    const found = await begin(left.signal);
    // No one is left to hear about a failed clean-up.
    if (left.signal.aborted) found.return?.().catch(() => {});
    else source = found;
    return found;
  }

  async function nextOfComing(): Promise<IteratorResult<T, undefined>> {
    coming ??= come();
    const found = await coming;
    return left.signal.aborted ? done : found.next();
  }

  return {
    async next() {
      if (left.signal.aborted) return done;
      return source === undefined ? Promise.race([nextOfComing(), leaving.promise]) : source.next();
    },
    async return() {
      left.abort();
      leaving.resolve(done);
      coming?.catch(() => {});
      await source?.return?.();
      return done;
    },
  };
}
