import { randomBytes } from "node:crypto";

/**
 * What an id names: a response, a message, a function's call or its result, a custom tool's, a reasoning item, a compaction, a
 * conversation.
 */
export type IdPrefix = "resp" | "msg" | "fc" | "fco" | "ctc" | "ctco" | "rs" | "item" | "cmp" | "conv";

/** A prefix and 48 hexadecimal digits, such as `resp_…`. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${randomBytes(24).toString("hex")}`;
}
