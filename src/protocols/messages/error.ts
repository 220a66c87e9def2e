/** Anthropic's error types by status, from its documentation. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [504, "timeout_error"],
  [529, "overloaded_error"],
]);

/** Returns Anthropic's error type for an HTTP status. */
export function errorTypeOf(status: number): string {
  return TYPES.get(status) ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** Encodes Anthropic's error body, which is also the data of a stream's `error` event. */
export function encodeError(error: { readonly type: string; readonly message: string }, requestId: string) {
  return { type: "error", error: { type: error.type, message: error.message }, request_id: requestId };
}
