import { randomBytes } from "node:crypto";

/** The kind of object: response, message, function call and its output, custom call and its output, reasoning, other item, … */
export type IdPrefix = "resp" | "msg" | "fc" | "fco" | "ctc" | "ctco" | "rs" | "item" | "cmp" | "conv";

/** Returns a prefix and 48 random hexadecimal digits, such as `resp_…`. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${randomBytes(24).toString("hex")}`;
}
