import { Source } from "./source.ts";

/** What a parser finds in a model's text. */
export type ParsedEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  /** A call begins; the `arguments` that follow are its own. */
  | { readonly type: "call"; readonly name: string }
  | { readonly type: "arguments"; readonly text: string }
  /** The text ended in the midst of arguments: what would complete them, if that was the model's own end. */
  | { readonly type: "closing"; readonly text: string }
  /** The text ended where it may have been at the beginning of a call: what was read of that. */
  | { readonly type: "cut"; readonly text: string; readonly within: "text" | "reasoning" };

/** The work of a parser, as a generator: it yields what it found, and `undefined` where it needs more of the text to decide. */
export type Parsing<T = void> = Generator<ParsedEvent | undefined, T, void>;

/** Takes a text in pieces. The events are the same however the text is cut, but for how their texts are cut. */
export type Parser = {
  readonly push: (text: string) => readonly ParsedEvent[];
  /** The text has ended: what was held back. */
  readonly end: () => readonly ParsedEvent[];
};

export function createParser(parse: (source: Source) => Parsing): Parser {
  const source = new Source();
  const parsing = parse(source);

  function run(): ParsedEvent[] {
    const events: ParsedEvent[] = [];
    for (;;) {
      const { done, value } = parsing.next();
      if (done === true || value === undefined) return events;
      events.push(value);
    }
  }
  return {
    push(text) {
      source.feed(text);
      return run();
    },
    end() {
      source.end();
      return run();
    },
  };
}
