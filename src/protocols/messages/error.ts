/** Anthropic's kinds of error, as its errors page has them by status. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [504, "timeout_error"],
  [529, "overloaded_error"],
]);

/** Anthropic's kind of error for an HTTP status. */
export function errorTypeOf(status: number): string {
  return TYPES.get(status) ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** Anthropic's body for an error, which is also the data of a stream's `error` event. */
export function encodeError(error: { readonly type: string; readonly message: string }, requestId: string) {
  return { type: "error", error: { type: error.type, message: error.message }, request_id: requestId };
}
