import type { KeyStore } from "../store/keys.ts";
import { createFixedKeys } from "./fixed.ts";

export type KeyPlaces = { readonly keysFile: string; readonly apiKey: string; readonly cwd: string };

/** Whether there is a key anywhere, before a gateway runs. Throws a `KeysFileError` or `StateError` where that can't be told. */
export function hasKeys({ keysFile, apiKey, cwd }: KeyPlaces, store: KeyStore): boolean {
  const fixed = createFixedKeys({ keysFile, apiKey, cwd, logger: { info: () => {}, error: () => {} } });
  return fixed.list().length > 0 || (store.exists() && store.count() > 0);
}
