import { hash } from "node:crypto";

/** `fp_` and ten hexadecimal digits that stay the same as long as the same model answers, so that answers of one seed can be compared. */
export function systemFingerprint(model: { readonly id: string; readonly createdUnixSeconds: number }): string {
  const digest = hash("sha256", `${model.id}\n${model.createdUnixSeconds}`, "hex");
  return `fp_${digest.slice(0, 10)}`;
}
