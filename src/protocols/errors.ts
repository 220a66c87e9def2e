/** OpenAI's `error` object. */
export type WireError = {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
};

/** An invalid request. It is answered with a 400 that names the field. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
  /** The path of the invalid field, such as `messages[0].content`; null if no single field is invalid. */
  readonly param: string | null;
  readonly code: string | null;

  constructor(message: string, param: string | null, code: string | null) {
    super(message);
    this.param = param;
    this.code = code;
  }
}

export function missingParameter(param: string): InvalidRequestError {
  return new InvalidRequestError(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
}
