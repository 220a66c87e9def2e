type StopMatch = {
  /** Text that can't be part of a stop string. */
  readonly text: string;
  /** Whether a stop string was found. The text after it is dropped, and nothing more may be pushed. */
  readonly stopped: boolean;
  /** The stop string that was found. */
  readonly stop?: string;
};

export type StopMatcher = {
  push(text: string): StopMatch;
  /** Returns the text held back, when the generation ends without a stop string. */
  flush(): string;
};

/**
 * Finds stop strings in text that arrives in pieces. Text that may begin a stop string is held back, so that no part of a stop string is
 * sent. If several match, the one that begins first counts.
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

/** The length of the longest end of `text` that begins a stop string. */
function possibleBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
