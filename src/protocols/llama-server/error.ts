import type { WireError } from "../errors.ts";

const TYPES: ReadonlyMap<number, string> = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [429, "rate_limit_error"],
  [503, "unavailable_error"],
]);

/** Returns llama-server's error type for a status and our own code. */
export function errorTypeOf(status: number, code: string | null): string {
  if (code === "context_length_exceeded") return "exceed_context_size_error";
  return TYPES.get(status) ?? (status < 500 ? "invalid_request_error" : "server_error");
}

/** Encodes llama-server's error body, whose code is the status. `param` is our addition. */
export function encodeError({ message, type, param, code }: WireError) {
  return { error: { code: Number(code), message, type, ...(param !== null && { param }) } };
}
