import { statSync } from "node:fs";
import { resolve } from "node:path";
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
}: FixedKeysOptions): FixedKeys {
  const path = resolve(cwd, keysFile);
  let [stamp, lookedMs] = [stampOf(path, keysFile), now()];
  let keys = load();

  function load() {
    const written = keysFile === "" ? [] : readKeysFile(path, keysFile, readText);
    const all = apiKey === "" ? written : [...written, { hash: hashSecret(apiKey), key: settingKey() }];
    return {
      list: all.map(({ key }) => key),
      byHash: new Map(all.map(({ hash, key }) => [hash, key])),
      byId: new Map(all.map(({ key }) => [key.id, key])),
    };
  }

  function current(): typeof keys {
    const nowMs = now();
    if (keysFile === "" || nowMs - lookedMs < LOOK_EVERY_MS) return keys;
    lookedMs = nowMs;
    const before = stamp;
    stamp = stampOf(path, keysFile);
    if (stamp !== before) readAgain();
    return keys;
  }

  function readAgain(): void {
    try {
      keys = load();
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
  };
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
