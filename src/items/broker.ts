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
  /** Writes the result, and takes the item from the source. Rejects if the broker is away; doing it again is harmless. */
  readonly settle: (delivery: Delivery, outcome: Outcome) => Promise<void>;
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
