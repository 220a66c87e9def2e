/** Where a stream's text was cut: into whole events, and what is none. */
type Cut = {
  readonly events: readonly string[];
  /** For whoever reads now. Each is one line: after an event with an id, Python's clients take an empty line for another event. */
  readonly comments: string;
};

/** Cuts what a stream sends, in pieces of any length, into events that end with `mark`. */
export type Cutter = {
  readonly cut: (text: string) => Cut;
  /** What came after the last whole event; `""` for nothing. */
  readonly rest: () => string;
};

export function createCutter(mark: string): Cutter {
  let held = "";
  return {
    cut(text) {
      held += text;
      const events: string[] = [];
      let comments = "";
      let from = 0;
      for (let at = held.indexOf(mark); at >= 0; at = held.indexOf(mark, from)) {
        const event = held.slice(from, at + mark.length);
        from = at + mark.length;
        if (isComment(event)) comments += `${event.trimEnd()}\n`;
        else events.push(event);
      }
      held = held.slice(from);
      return { events, comments };
    },
    rest() {
      const left = held;
      held = "";
      return left;
    },
  };
}

function isComment(event: string): boolean {
  if (!event.startsWith(":")) return false;
  return event
    .trimEnd()
    .split("\n")
    .every((line) => line.startsWith(":"));
}
