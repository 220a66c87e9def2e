/** What is tried with each client, in this order. */
export const THINGS = [
  "plain",
  "stream",
  "tools",
  "structured",
  "cancel",
  "over-context",
  "wrong-key",
  "model-list",
] as const;

export type Thing = (typeof THINGS)[number];

/** One line of what a client's script prints. */
export type ThingResult = {
  readonly client: string;
  readonly version: string;
  readonly thing: Thing;
  /** `not offered`: the client has no such thing. */
  readonly result: "works" | "fails" | "not offered";
  /** What was seen. */
  readonly note: string;
  readonly seconds: number;
};
