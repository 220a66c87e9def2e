import type { Key } from "../../src/keys/key.ts";
import { type KeyPolicy, policySchema } from "../../src/keys/policy.ts";

export const silent = { info: () => {}, warn: () => {}, error: () => {} };

export function key(policy: Partial<KeyPolicy> = {}, id = "key_1"): Key {
  return { id, name: "alice", source: "state", expiresMs: undefined, policy: policySchema.parse(policy) };
}
