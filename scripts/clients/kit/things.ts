/** The trials of each client, in order. */
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
  /** `not offered` means that the client has no such feature. */
  readonly result: "works" | "fails" | "not offered";
  /** What happened. */
  readonly note: string;
  readonly seconds: number;
};
