import { pino } from "pino";
import { createAccess } from "../../src/keys/access.ts";
import { type Key, type KeyPolicy, policySchema } from "../../src/keys/key.ts";
import { openState } from "../store/support.ts";

export const silent = { info: () => {}, warn: () => {}, error: () => {} };

export function key(policy: Partial<KeyPolicy> = {}, id = "key_1"): Key {
  return { id, name: "alice", source: "state", expiresMs: undefined, policy: policySchema.parse(policy) };
}

/** A gateway's access with one key, which the settings hold. */
export async function createTestAccess() {
  const secret = "sk-sluice-of-the-settings";
  const state = openState();
  const config = { keysFile: "", apiKey: secret };
  return { access: createAccess({ config, state, logger: pino({ level: "silent" }) }), secret };
}
