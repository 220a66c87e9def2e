/** Work on many inputs at once. */
export type Pump<Out> = {
  readonly results: AsyncGenerator<Out, void>;
  /** How many inputs are being worked on, or have results that were not taken. */
  readonly held: () => number;
};

export type PumpOptions<Out> = {
  /** How many inputs are held at once. */
  readonly limit: number;
  /** How large a result is. */
  readonly sizeOf: (result: Out) => number;
  /** No more inputs are taken while the results that were not taken are this large together. */
  readonly maxSize: number;
  /** Whether results come in the order of the inputs; else as they are ready. */
  readonly isOrdered: boolean;
};

/**
 * Works on many inputs at once. Backpressure goes both ways: an input is taken only if fewer than `limit` are held, and one is held until its
 * result was taken. Large results hold inputs up before that: a slow reader must not fill the memory with them. `work` must not reject. An input's own end, or its failure, comes after the results of all before it.
 */
export function keepInFlight<In, Out>(
  inputs: AsyncIterable<In>,
  work: (input: In) => Promise<Out>,
  { limit, sizeOf, maxSize, isOrdered }: PumpOptions<Out>,
): Pump<Out> {
  const source = inputs[Symbol.asyncIterator]();
  /** In the order of the inputs. */
  const held: { result?: { readonly value: Out } }[] = [];
  let wake = Promise.withResolvers<void>();
  let isReading = false;
  /** Of the results that were not taken. */
  let size = 0;
  let end: { readonly error?: unknown } | undefined;

  function nudge(): void {
    wake.resolve();
    wake = Promise.withResolvers();
  }

  function read(): void {
    if (isReading || end !== undefined || held.length >= limit || size >= maxSize) return;
    isReading = true;
    source
      .next()
      .then(
        ({ done, value }) => {
          if (done === true) end = {};
          else begin(value);
        },
        (error: unknown) => {
          end = { error };
        },
      )
      .finally(() => {
        isReading = false;
        nudge();
      });
  }

  function begin(input: In): void {
    const place: (typeof held)[number] = {};
    held.push(place);
    void work(input).then((value) => {
      place.result = { value };
      size += sizeOf(value);
      nudge();
    });
  }

  function takeReady(): { readonly value: Out } | undefined {
    const at = isOrdered ? 0 : held.findIndex(({ result }) => result !== undefined);
    const { result } = held[at] ?? {};
    if (result === undefined) return undefined;
    held.splice(at, 1);
    size -= sizeOf(result.value);
    return result;
  }

  async function* pump(): AsyncGenerator<Out, void> {
    try {
      for (;;) {
        const changed = wake.promise;
        const ready = takeReady();
        read();
        if (ready !== undefined) yield ready.value;
        else if (end !== undefined && held.length === 0) break;
        else await changed;
      }
      if (end.error !== undefined) throw end.error;
    } finally {
      // Without waiting for it: it may hang in a read.
      if (end === undefined) void source.return?.()?.catch(() => {});
    }
  }

  return { results: pump(), held: () => held.length };
}
