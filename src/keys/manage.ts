import type { KeyRecord, KeyStore } from "../store/keys.ts";
import { shellCommand } from "../version.ts";
import { type KeyPolicy, nameSchema } from "./key.ts";
import { hashSecret, newKeyId, newSecret } from "./secret.ts";

/** The most keys in a state file, since the gateway may keep counts for each. */
const MAX_KEYS = 10_000;

/** Why an operation on keys isn't possible. */
type KeyProblem = "invalid_name" | "name_taken" | "too_many_keys" | "key_not_found";

/** An operation on keys isn't possible. The message says why, and what to do. */
export class KeyError extends Error {
  override readonly name = "KeyError";
  readonly code: KeyProblem;

  constructor(code: KeyProblem, message: string) {
    super(message);
    this.code = code;
  }
}

type NewKey = {
  readonly name: string;
  readonly expiresMs: number | undefined;
  readonly policy: KeyPolicy;
};

/** A key with its secret, which is shown only once. */
export type IssuedKey = { readonly record: KeyRecord; readonly secret: string };

/** Creates a key. Throws a `KeyError` if the name is taken or invalid, or there are too many keys. */
export function issueKey(store: KeyStore, { name, expiresMs, policy }: NewKey, nowMs: number): IssuedKey {
  if (!nameSchema.safeParse(name).success) {
    throw new KeyError(
      "invalid_name",
      `${JSON.stringify(name.slice(0, 80))} is not a valid name for a key. Give ${nameSchema.description}.`,
    );
  }
  if (store.count() >= MAX_KEYS) {
    throw new KeyError(
      "too_many_keys",
      `There are ${MAX_KEYS} keys. Revoke some with \`${shellCommand("keys revoke KEY")}\`.`,
    );
  }
  const secret = newSecret();
  const record = { id: newKeyId(), name, createdMs: nowMs, expiresMs, policy: JSON.stringify(policy) };
  if (!store.create(record, hashSecret(secret))) {
    throw new KeyError(
      "name_taken",
      `There is already a key ${name}. Choose another name, or give the key a new secret with \`${shellCommand("keys rotate KEY")}\`.`,
    );
  }
  return { record, secret };
}

/** Gives a key a new secret; the old one works until `untilMs`. Throws a `KeyError` if there is no such key. */
export function rotateKey(store: KeyStore, idOrName: string, untilMs: number): IssuedKey {
  const record = findKey(store, idOrName);
  const secret = newSecret();
  store.rotate(record.id, hashSecret(secret), untilMs);
  return { record, secret };
}

/** Revokes a key at once. Throws a `KeyError` if there is no such key. */
export function revokeKey(store: KeyStore, idOrName: string): KeyRecord {
  const record = findKey(store, idOrName);
  store.remove(record.id);
  return record;
}

function findKey(store: KeyStore, idOrName: string): KeyRecord {
  const record = store.exists() ? store.find(idOrName) : undefined;
  if (record === undefined) {
    throw new KeyError(
      "key_not_found",
      `There is no key with the id or name ${JSON.stringify(idOrName.slice(0, 80))} in the state file. ` +
        `\`${shellCommand("keys list")}\` lists all keys; keys from --keys-file are changed in that file.`,
    );
  }
  return record;
}
