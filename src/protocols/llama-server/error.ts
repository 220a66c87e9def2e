import type { WireError } from "../errors.ts";

const TYPES: ReadonlyMap<number, string> = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [429, "rate_limit_error"],
  [503, "unavailable_error"],
]);

/** llama-server's type of an error, by its status and our own code for it. */
export function errorTypeOf(status: number, code: string | null): string {
  if (code === "context_length_exceeded") return "exceed_context_size_error";
  return TYPES.get(status) ?? (status < 500 ? "invalid_request_error" : "server_error");
}

/** llama-server's body for an error; its code is the status. The field that is wrong, which it doesn't have, is named beside. */
export function encodeError({ message, type, param, code }: WireError) {
  return { error: { code: Number(code), message, type, ...(param !== null && { param }) } };
}
