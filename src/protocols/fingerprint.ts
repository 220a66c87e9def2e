import { createHash } from "node:crypto";

/** `fp_` and ten hexadecimal digits that stay the same as long as the same model answers, so that answers of one seed can be compared. */
export function systemFingerprint(model: { readonly id: string; readonly createdUnixSeconds: number }): string {
  const digest = createHash("sha256").update(`${model.id}\n${model.createdUnixSeconds}`).digest("hex");
  return `fp_${digest.slice(0, 10)}`;
}
