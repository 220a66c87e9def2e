/** The APIs whose requests may be passed on to an upstream as they came. */
export type WireProtocol = "chat" | "completions" | "messages" | "embeddings";

/** A request in its client's words, for an upstream that speaks the same API. */
export type Verbatim = {
  readonly protocol: WireProtocol;
  /** The body: JSON of an object. */
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly stream: boolean;
  /** Whether the client asked for a last chunk with the usage. Only of streams of OpenAI's APIs. */
  readonly includeUsage: boolean;
  /** The length of the answer that the body asks for. */
  readonly maxTokens: number | undefined;
  /** Headers of the API that belong to the body. */
  readonly headers: Readonly<Record<string, string>>;
  /** The id that the answer gets, in the place of the upstream's own. */
  readonly answerId: string;
};
