import { hash } from "node:crypto";

type FingerprintedModel = { readonly id: string; readonly createdUnixSeconds: number };

/** Computed once per model, because hashing takes much of the time of a cached answer. */
const fingerprints = new WeakMap<FingerprintedModel, string>();

/** `fp_` and ten hexadecimal digits, always the same for one model, so that answers with the same seed can be compared. */
export function systemFingerprint(model: FingerprintedModel): string {
  const known = fingerprints.get(model);
  if (known !== undefined) return known;
  const digest = hash("sha256", `${model.id}\n${model.createdUnixSeconds}`, "hex");
  const fingerprint = `fp_${digest.slice(0, 10)}`;
  fingerprints.set(model, fingerprint);
  return fingerprint;
}
