import { statSync } from "node:fs";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { KeyStore } from "../store/keys.ts";
import { type ReadText, readKeysFile } from "./file.ts";
import { type Key, policySchema } from "./key.ts";
import { hashSecret } from "./secret.ts";

/** A key from the file of keys or a setting. */
export type FixedKey = { readonly hash: string; readonly key: Key };

/** The keys that are not in the state file. */
export type FixedKeys = {
  readonly byHash: (hash: string) => Key | undefined;
  readonly byId: (id: string) => Key | undefined;
  readonly list: () => readonly Key[];
};

export type ReplaceableKeys = FixedKeys & {
  /** Reads other keys, to take them over at once. Throws a `KeysFileError`; nothing has changed then. */
  readonly prepare: (places: Pick<FixedKeysOptions, "keysFile" | "apiKey">) => PreparedKeys;
};

/** Keys that may come into force, and how they differ, by their names. */
type PreparedKeys = {
  readonly changes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly string[];
  };
  readonly commit: () => void;
};

export type FixedKeysOptions = {
  /** `""` for none. */
  readonly keysFile: string;
  /** A secret; `""` for none. */
  readonly apiKey: string;
  readonly cwd?: string;
  readonly logger: Pick<Logger, "info" | "error">;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  readonly readText?: ReadText;
};

/** How often the file is checked for changes. */
const LOOK_EVERY_MS = 1_000;

/** The id of the key from the setting. It may do everything except read the usage of other keys. */
const SETTING_KEY_ID = "api-key";

/**
 * Reads the keys, and reads the file again when it changes. If it is then unreadable or invalid, the old keys stay and an error is logged: a file
 * seen while it is being written must lock no one out. Throws a `KeysFileError` if it is invalid at the start.
 */
export function createFixedKeys({
  keysFile,
  apiKey,
  cwd = process.cwd(),
  logger,
  now = Date.now,
  readText,
}: FixedKeysOptions): ReplaceableKeys {
  let places = { keysFile, apiKey };
  let [stamp, lookedMs] = [stampNow(places), now()];
  let keys = load(places);

  function stampNow({ keysFile: shownPath }: typeof places): string {
    return stampOf(resolve(cwd, shownPath), shownPath);
  }

  function load({ keysFile: shownPath, apiKey: secret }: typeof places) {
    const written = shownPath === "" ? [] : readKeysFile(resolve(cwd, shownPath), shownPath, readText);
    const all = secret === "" ? written : [...written, { hash: hashSecret(secret), key: settingKey() }];
    return indexKeys(all);
  }

  function current(): typeof keys {
    const nowMs = now();
    if (places.keysFile === "" || nowMs - lookedMs < LOOK_EVERY_MS) return keys;
    lookedMs = nowMs;
    const before = stamp;
    stamp = stampNow(places);
    if (stamp !== before) readAgain();
    return keys;
  }

  function readAgain(): void {
    try {
      keys = load(places);
      logger.info({ keys: keys.list.length }, "the file of keys was read again");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.error(`the file of keys has changed and is invalid, so the earlier keys stay in force. ${reason}`);
    }
  }

  return {
    byHash: (hash) => current().byHash.get(hash),
    byId: (id) => current().byId.get(id),
    list: () => current().list,
    prepare({ keysFile: shownPath, apiKey: secret }) {
      const next = { keysFile: shownPath, apiKey: secret };
      const [nextStamp, nextKeys] = [stampNow(next), load(next)];
      return {
        changes: compareKeys(keys.all, nextKeys.all),
        commit() {
          // Keys that are the same stay the same objects, by which answers that are kept know them.
          const known = new Map(keys.all.map((each) => [each.key.id, each]));
          const kept = nextKeys.all.map((each) => {
            const before = known.get(each.key.id);
            return before !== undefined && isDeepStrictEqual(before, each) ? before : each;
          });
          [places, stamp, keys] = [next, nextStamp, indexKeys(kept)];
        },
      };
    },
  };
}

function indexKeys(all: readonly FixedKey[]) {
  return {
    all,
    list: all.map(({ key }) => key),
    byHash: new Map(all.map(({ hash, key }) => [hash, key])),
    byId: new Map(all.map(({ key }) => [key.id, key])),
  };
}

function compareKeys(before: readonly FixedKey[], after: readonly FixedKey[]): PreparedKeys["changes"] {
  const [old, read] = [byId(before), byId(after)];
  const namesOf = (some: readonly FixedKey[]) => some.map(({ key }) => key.name);
  return {
    added: namesOf(after.filter(({ key }) => !old.has(key.id))),
    removed: namesOf(before.filter(({ key }) => !read.has(key.id))),
    changed: namesOf(after.filter((each) => old.has(each.key.id) && !isDeepStrictEqual(old.get(each.key.id), each))),
  };
}

function byId(keys: readonly FixedKey[]): ReadonlyMap<string, FixedKey> {
  return new Map(keys.map((each) => [each.key.id, each]));
}

type KeyPlaces = { readonly keysFile: string; readonly apiKey: string; readonly cwd: string };

/** Whether there is any key, before the gateway runs. Throws a `KeysFileError` or `StateError` if that can't be determined. */
export function hasKeys({ keysFile, apiKey, cwd }: KeyPlaces, store: KeyStore): boolean {
  const fixed = createFixedKeys({ keysFile, apiKey, cwd, logger: { info: () => {}, error: () => {} } });
  return fixed.list().length > 0 || (store.exists() && store.count() > 0);
}

function settingKey(): Key {
  return {
    id: SETTING_KEY_ID,
    name: SETTING_KEY_ID,
    source: "setting",
    expiresMs: undefined,
    policy: policySchema.parse({}),
  };
}

/** A text that changes when the file is replaced or its contents change. */
function stampOf(path: string, keysFile: string): string {
  if (keysFile === "") return "";
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "gone" : `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}
