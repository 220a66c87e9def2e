type StopMatch = {
  /** Text that can no longer belong to a stop string. */
  readonly text: string;
  /** A stop string was met: what followed it is dropped, and nothing more may be pushed. */
  readonly stopped: boolean;
  /** Which one it was. */
  readonly stop?: string;
};

export type StopMatcher = {
  push(text: string): StopMatch;
  /** What was held back, for a generation that ends for another reason. */
  flush(): string;
};

/**
 * Looks for stop strings in text that arrives in pieces. What might be the beginning of one is held back until it is known,
 * so that no part of a stop string is ever shown. Where several match, the one that begins first counts.
 */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  let held = "";
  return {
    push(text) {
      if (stops.length === 0) return { text, stopped: false };
      const pending = held + text;
      const first = firstStop(pending, stops);
      if (first !== undefined) {
        held = "";
        return { text: pending.slice(0, first.at), stopped: true, stop: first.stop };
      }
      const safe = pending.length - possibleBeginning(pending, stops);
      held = pending.slice(safe);
      return { text: pending.slice(0, safe), stopped: false };
    },
    flush() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}

function firstStop(text: string, stops: readonly string[]): { at: number; stop: string } | undefined {
  let first: { at: number; stop: string } | undefined;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, stop };
  }
  return first;
}

/** How many characters at the end of `text` are the beginning of some stop string: the longest such. */
function possibleBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
