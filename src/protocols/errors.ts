/** OpenAI's `error` object. */
export type WireError = {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
};

/** A request that breaks the rules of its protocol. It becomes a 400 that names the field. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
  /** The field as its sender wrote it, such as `messages[0].content`; null when no single field is to blame. */
  readonly param: string | null;
  readonly code: string | null;

  constructor(message: string, param: string | null, code: string | null) {
    super(message);
    this.param = param;
    this.code = code;
  }
}
