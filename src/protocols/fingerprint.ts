import { hash } from "node:crypto";

type FingerprintedModel = { readonly id: string; readonly createdUnixSeconds: number };

/** A hash for each answer is a good part of what one from the cache takes. */
const fingerprints = new WeakMap<FingerprintedModel, string>();

/** `fp_` and ten hexadecimal digits that stay the same as long as the same model answers, so that answers of one seed can be compared. */
export function systemFingerprint(model: FingerprintedModel): string {
  const known = fingerprints.get(model);
  if (known !== undefined) return known;
  const digest = hash("sha256", `${model.id}\n${model.createdUnixSeconds}`, "hex");
  const fingerprint = `fp_${digest.slice(0, 10)}`;
  fingerprints.set(model, fingerprint);
  return fingerprint;
}
