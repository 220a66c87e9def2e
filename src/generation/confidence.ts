/** How sure a model is of an answer, by the natural log-probabilities of its tokens. */
export type Confidence = {
  readonly mean: number;
  /** Of the least likely token. */
  readonly least: number;
};

/** An answer is sure if it reaches all that are given. */
export type Thresholds = { readonly mean?: number | undefined; readonly least?: number | undefined };

type Token = { readonly bytes: readonly number[]; readonly logprob: number };

/** Follows the tokens of one choice. */
export type ConfidenceMeter = {
  readonly note: (tokens: readonly Token[]) => void;
  /** How many tokens were noted, whether they count or not. */
  readonly noted: () => number;
  readonly sum: () => { readonly logprobs: number; readonly counted: number; readonly least: number };
};

export function isSure({ mean, least }: Confidence, thresholds: Thresholds): boolean {
  return (
    mean >= (thresholds.mean ?? Number.NEGATIVE_INFINITY) && least >= (thresholds.least ?? Number.NEGATIVE_INFINITY)
  );
}

/** The confidence in all choices of an answer together; undefined if no token counts. */
export function confidenceOf(meters: readonly ConfidenceMeter[]): Confidence | undefined {
  const sums = meters.map(({ sum }) => sum());
  const counted = sums.reduce((total, each) => total + each.counted, 0);
  if (counted === 0) return undefined;
  return {
    mean: sums.reduce((total, each) => total + each.logprobs, 0) / counted,
    least: Math.min(...sums.map(({ least }) => least)),
  };
}

/**
 * @param isStructured whether the answer is JSON, or has calls: then only the tokens of values count. What stands between them, and the names of
 *   members, are the format's and not the model's choice, so their probability says nothing of the answer.
 */
export function createConfidenceMeter(isStructured: boolean): ConfidenceMeter {
  const isOfValue = isStructured ? createValueFinder() : () => true;
  let noted = 0;
  let logprobs = 0;
  let counted = 0;
  let least = 0;
  return {
    note(tokens) {
      for (const { bytes, logprob } of tokens) {
        noted += 1;
        // All bytes must be looked at, since the finder follows the text.
        const counts = bytes.map(isOfValue).includes(true);
        if (!counts) continue;
        counted += 1;
        logprobs += logprob;
        least = Math.min(least, logprob);
      }
    },
    noted: () => noted,
    sum: () => ({ logprobs, counted, least }),
  };
}

const BYTE = (character: string) => character.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA, COLON] = [BYTE('"'), BYTE("\\"), BYTE(","), BYTE(":")];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [BYTE("{"), BYTE("}"), BYTE("["), BYTE("]")];
const SPACE = BYTE(" ");

/** Deeper structures are taken for values. */
const MAX_DEPTH = 256;

/** Returns a function that takes a text byte by byte, and tells whether each belongs to a value of JSON or stands outside of it. */
function createValueFinder(): (byte: number) => boolean {
  const within: ("object" | "list")[] = [];
  let string: "name" | "value" | undefined;
  let isEscaped = false;
  /** Whether the next string of an object is a name. */
  let isNameNext = false;

  function inString(byte: number): boolean {
    const isValue = string === "value";
    if (isEscaped) isEscaped = false;
    else if (byte === BACKSLASH) isEscaped = true;
    // The quote that ends a value is part of it: the model could have gone on.
    else if (byte === QUOTE) string = undefined;
    return isValue;
  }

  return (byte) => {
    if (string !== undefined) return inString(byte);
    switch (byte) {
      case OPEN_OBJECT:
      case OPEN_LIST:
        if (within.length >= MAX_DEPTH) return true;
        within.push(byte === OPEN_OBJECT ? "object" : "list");
        isNameNext = byte === OPEN_OBJECT;
        return false;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        return within.pop() === undefined;
      case COMMA:
        isNameNext = within.at(-1) === "object";
        return within.length === 0;
      case COLON:
        isNameNext = false;
        return within.length === 0;
      case QUOTE:
        if (within.length === 0) return true;
        string = isNameNext ? "name" : "value";
        return false;
      default:
        return within.length === 0 || byte > SPACE;
    }
  };
}
