/** Looks for the first of several spellings in bytes that arrive token by token. */
type TriggerFinder = {
  /** What follows the first trigger that these bytes complete; undefined while none is complete. Changes nothing. */
  find(bytes: readonly number[]): Uint8Array | undefined;
  /** Takes the bytes: later ones follow them. */
  push(bytes: readonly number[]): void;
};

/** Works on bytes, since a token may end inside a character. Of triggers that are complete at once, the one that ends first counts. */
export function createTriggerFinder(triggers: readonly string[]): TriggerFinder {
  const spellings = triggers.map((trigger) => Buffer.from(trigger));
  const longest = Math.max(0, ...spellings.map(({ length }) => length));
  /** The last bytes, as many as the beginning of a trigger may have. */
  let tail: Buffer = Buffer.alloc(0);

  return {
    find(bytes) {
      const pending = Buffer.concat([tail, Uint8Array.from(bytes)]);
      let end: number | undefined;
      for (const spelling of spellings) {
        const at = pending.indexOf(spelling);
        if (at >= 0) end = Math.min(end ?? Number.POSITIVE_INFINITY, at + spelling.length);
      }
      return end === undefined ? undefined : pending.subarray(end);
    },
    push(bytes) {
      const pending = Buffer.concat([tail, Uint8Array.from(bytes)]);
      tail = pending.subarray(Math.max(0, pending.length - Math.max(0, longest - 1)));
    },
  };
}
