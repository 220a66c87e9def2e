import { randomUUID } from "node:crypto";

/** The kind of object: response, message, function call and its output, custom call and its output, reasoning, other item, … */
export type IdPrefix = "resp" | "msg" | "fc" | "fco" | "ctc" | "ctco" | "rs" | "item" | "cmp" | "conv" | "batch";

/** Returns a prefix and 48 hexadecimal digits, such as `resp_…`: random ones if none are given. */
export function newId(prefix: IdPrefix, digits = randomDigits()): string {
  return `${prefix}_${digits.slice(0, 48)}`;
}

/** Returns another id of the same kind. */
export function renewId(id: string): string {
  return `${id.slice(0, id.indexOf("_"))}_${randomDigits()}`;
}

/** Node fetches the random bytes of many UUIDs at once, and those of `randomBytes` one by one. */
function randomDigits(): string {
  return `${randomUUID()}${randomUUID()}`.replaceAll("-", "").slice(0, 48);
}
