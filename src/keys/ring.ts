import type { KeyRecord, KeyStore } from "../store/keys.ts";
import type { FixedKeys } from "./fixed.ts";
import { type Key, policySchema } from "./key.ts";
import { hashSecret, isSameHash } from "./secret.ts";

/** The result of looking up a key. */
export type Verdict =
  | { readonly type: "known"; readonly key: Key }
  /** It was valid before. */
  | { readonly type: "expired"; readonly key: Key; readonly reason: "key" | "secret"; readonly sinceMs: number }
  | { readonly type: "unknown" };

/** All keys, from every source. Each call may throw `StateError`. */
export type KeyRing = {
  /** Whether a key is required. Once it is, it stays so: revoking the last key doesn't open the gateway. */
  readonly isOn: () => boolean;
  readonly check: (secret: string) => Verdict;
  /** The same for a trusted caller that has only the key's id. */
  readonly checkId: (id: string) => Verdict;
  /** The key with this id; undefined if it doesn't exist any more. */
  readonly get: (id: string) => Key | undefined;
  /** All keys: those of the state file, oldest first, and then the others. */
  readonly list: () => readonly ListedKey[];
};

/** A key, and when it was created, in Unix ms; undefined for keys that aren't in the state file. */
export type ListedKey = Key & { readonly createdMs: number | undefined };

export type KeyRingOptions = {
  readonly store: KeyStore;
  readonly fixed: FixedKeys;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

type Secret = { readonly hash: string; readonly key: Key; readonly endsMs: number | undefined };

/** The most keys and secrets remembered; beyond it all are forgotten and looked up again. */
const MAX_REMEMBERED = 1_000;

/**
 * Finds keys by their secrets. Keys from the state file are remembered until they are changed, here or by another process, which a read of one counter shows;
 * so a revoked key is refused at once. An unknown secret costs a hash and an index look-up.
 */
export function createKeyRing({ store, fixed, now = Date.now }: KeyRingOptions): KeyRing {
  const secrets = new Map<string, Secret>();
  const byId = new Map<string, Key>();
  let version: string | undefined;
  let isOn = false;

  /** Whether the state file exists. Forgets remembered keys if it has changed. */
  function look(): boolean {
    if (!store.exists()) return false;
    const current = store.version();
    if (current !== version) {
      secrets.clear();
      byId.clear();
      isOn ||= store.count() > 0;
      version = current;
    }
    return true;
  }

  function findSecret(hash: string): Secret | undefined {
    const written = fixed.byHash(hash);
    if (written !== undefined) return { hash, key: written, endsMs: undefined };
    if (!look()) return undefined;
    const known = secrets.get(hash);
    if (known !== undefined) return known;
    const found = store.findSecret(hash);
    if (found === undefined) return undefined;
    const secret = { hash: found.hash, key: toKey(found.key), endsMs: found.expiresMs };
    remember(secrets, hash, secret);
    return secret;
  }

  function judge(key: Key, endsMs?: number): Verdict {
    const nowMs = now();
    if (endsMs !== undefined && endsMs <= nowMs) return { type: "expired", key, reason: "secret", sinceMs: endsMs };
    if (key.expiresMs !== undefined && key.expiresMs <= nowMs) {
      return { type: "expired", key, reason: "key", sinceMs: key.expiresMs };
    }
    return { type: "known", key };
  }

  function get(id: string): Key | undefined {
    const written = fixed.byId(id);
    if (written !== undefined) return written;
    if (!look()) return undefined;
    const known = byId.get(id);
    if (known !== undefined) return known;
    const record = store.get(id);
    if (record === undefined) return undefined;
    const key = toKey(record);
    remember(byId, id, key);
    return key;
  }

  return {
    isOn() {
      if (isOn) return true;
      isOn = fixed.list().length > 0;
      look();
      return isOn;
    },
    check(shown) {
      const hash = hashSecret(shown);
      const secret = findSecret(hash);
      if (secret === undefined || !isSameHash(secret.hash, hash)) return { type: "unknown" };
      return judge(secret.key, secret.endsMs);
    },
    checkId(id) {
      const key = get(id);
      return key === undefined ? { type: "unknown" } : judge(key);
    },
    get,
    list: () => listKeys(store, fixed.list()),
  };
}

/** All keys: those of the state file, oldest first, and then the others. */
export function listKeys(store: Pick<KeyStore, "exists" | "list">, fixed: readonly Key[]): readonly ListedKey[] {
  const stored = store.exists() ? store.list() : [];
  return [
    ...stored.map((record) => ({ ...toKey(record), createdMs: record.createdMs })),
    ...fixed.map((key) => ({ ...key, createdMs: undefined })),
  ];
}

/** Converts a record of the state file. Throws if this version doesn't know its policy. */
export function toKey({ id, name, expiresMs, policy }: KeyRecord): Key {
  return { id, name, source: "state", expiresMs, policy: policySchema.parse(JSON.parse(policy)) };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= MAX_REMEMBERED) map.clear();
  map.set(key, value);
}
