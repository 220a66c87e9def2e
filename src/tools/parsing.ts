import { Source } from "./source.ts";

/** A part of a model's text, found by a parser. */
export type ParsedEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  /** A call begins; the following `arguments` belong to it. */
  | { readonly type: "call"; readonly name: string }
  | { readonly type: "arguments"; readonly text: string }
  /** The text ended within arguments. `text` would complete them, if the model itself ended the answer. */
  | { readonly type: "closing"; readonly text: string }
  /** The text ended within the possible beginning of a call, `text`. */
  | { readonly type: "cut"; readonly text: string; readonly within: "text" | "reasoning" };

/** A parser as a generator: it yields what it finds, and `undefined` if it needs more text. */
export type Parsing<T = void> = Generator<ParsedEvent | undefined, T, void>;

/** Parses a text in pieces. How the text is split affects only how the events' texts are split. */
export type Parser = {
  readonly push: (text: string) => readonly ParsedEvent[];
  /** Ends the text, and returns the events that were held back. */
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
