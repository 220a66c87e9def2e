import type { KeyPolicy } from "./policy.ts";

/** Where a key is kept. */
type KeySource = "state" | "file" | "setting";

/** A key as the gateway knows it: without its secret. */
export type Key = {
  /** The tenant of its requests and of what they store. */
  readonly id: string;
  readonly name: string;
  readonly source: KeySource;
  /** Unix ms; undefined for one that always works. */
  readonly expiresMs: number | undefined;
  readonly policy: KeyPolicy;
};

/** Whether a key may use a model that has these names. */
export function mayUse({ policy }: Key, names: readonly string[]): boolean {
  if (policy.models === undefined) return true;
  const allowed = new Set(policy.models.map((name) => name.toLowerCase()));
  return names.some((name) => allowed.has(name.toLowerCase()));
}
