/** An item that a broker has delivered. */
export type Delivery = {
  /** The same at each delivery. It stands in the result, so that whoever reads results knows those that came twice. */
  readonly id: string;
  readonly text: string;
  /** How often it was delivered, this time included. */
  readonly tries: number;
};

/** What has become of an item. */
export type Outcome =
  | {
      readonly type: "answer";
      readonly key: string | undefined;
      readonly text: string;
      /** Who has answered, if it was the target for what doesn't fit. */
      readonly target: string | undefined;
    }
  /** It can't be answered, and goes to the dead letters. */
  | { readonly type: "failure"; readonly message: string }
  /** It was dropped, because items come too fast. */
  | { readonly type: "dropped" };

/**
 * Where items come from and results go to. Items are delivered at least once: one that was delivered is delivered again, here or to another
 * consumer, until it is settled.
 */
export type Broker = {
  /** What is delivered, until the signal is aborted. Waits for a broker that is away. */
  readonly read: (signal: AbortSignal) => AsyncGenerator<Delivery>;
  /**
   * Writes the result, and takes the item from the source. Rejects if the broker is away; doing it again is harmless.
   *
   * @returns what was written: an answer that is larger than the broker takes is a failure
   */
  readonly settle: (delivery: Delivery, outcome: Outcome) => Promise<Outcome>;
  /** What is not settled is left to others. */
  readonly close: () => Promise<void>;
};

export type BrokerOptions = {
  readonly url: string;
  /** The names of the source, of the results, and of the dead letters, as the broker calls them. */
  readonly from: string;
  readonly to: string;
  readonly dead: string;
  /** Consumers of one group share the items. */
  readonly group: string;
  /** This consumer's name in the group. Brokers that keep what a consumer has not settled give it back to the same name. */
  readonly consumer: string;
  /** After how many deliveries an item is a dead letter. */
  readonly maxTries: number;
  /** After how long an item that another consumer has left is taken over, in ms. */
  readonly claimAfterMs: number;
  /** How many items are fetched ahead of those that are answered. */
  readonly ahead: number;
  readonly say: (message: string) => void;
};

/** What becomes of an item that was delivered more often than it may be. */
export function tooOften({ tries }: Delivery): Outcome {
  return { type: "failure", message: `It was delivered ${tries} times.` };
}

/** The fields of an answer's result. */
export function resultFields(
  { id }: Delivery,
  { key, target, text }: Extract<Outcome, { type: "answer" }>,
): Readonly<Record<string, string>> {
  return { id, ...(key !== undefined && { key }), ...(target !== undefined && { target }), output: text };
}

/** The broker is there, but takes no message of this size: the same one would be refused each time. */
export class TooLargeError extends Error {}

/** In characters, if the dead letter has to be cut. */
const CUT_ERROR = 4_096;
/** Of each field of the smallest dead letter. */
const SMALLEST = 128;

type Message = Readonly<Record<string, unknown>> & { readonly id: string };

type Writing = {
  /** Rejects with a TooLargeError if the broker takes none of this size, and with another error if it is away. */
  readonly write: (to: "results" | "dead", message: Message) => Promise<void>;
  /** What a dead letter has beside the usual fields. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly say: (message: string) => void;
};

/**
 * Writes an outcome as JSON. An answer that is too large becomes a dead letter, and a dead letter that is too large is cut: in JSON its input may
 * be longer than it was in the source. An item whose smallest letter is refused, too, is only told, since it would hold up all behind it.
 *
 * @returns what was written
 */
export async function writeOutcome(
  delivery: Delivery,
  outcome: Outcome,
  { write, more = {}, say }: Writing,
): Promise<Outcome> {
  if (outcome.type === "dropped") return outcome;
  let failure = outcome;
  if (failure.type === "answer") {
    const message = { ...resultFields(delivery, failure), id: delivery.id };
    if (await fits(write("results", message))) return outcome;
    const length = failure.text.length;
    failure = { type: "failure", message: `Its answer of ${length} characters is larger than the broker takes.` };
  }
  for (const letter of deadLetters(delivery, failure.message, more)) {
    if (await fits(write("dead", letter))) return failure;
  }
  const id = cut(delivery.id, SMALLEST);
  say(`the item ${id} is given up, since the broker takes no dead letter of it: ${cut(failure.message, SMALLEST)}`);
  return failure;
}

/** From the whole one to the smallest one. */
function* deadLetters({ id, text }: Delivery, error: string, more: object): Generator<Message> {
  yield { id, input: text, error, ...more };
  const marks = { input_cut: true, input_length: text.length };
  for (let length = text.length >> 1; length > 0; length >>= 1) {
    yield { id, input: cut(text, length), ...marks, error: cut(error, CUT_ERROR), ...more };
  }
  yield { id: cut(id, SMALLEST), input: "", ...marks, error: cut(error, SMALLEST), ...more };
}

/** Without half a character at the end. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}

async function fits(written: Promise<void>): Promise<boolean> {
  try {
    await written;
    return true;
  } catch (error) {
    if (error instanceof TooLargeError) return false;
    throw error;
  }
}
