import { resolve } from "node:path";
import type { Config } from "../config/schema.ts";
import { hasKeys as areThere } from "../keys/fixed.ts";
import { openKeyState } from "../store/state.ts";

/** Whether a gateway with these settings requires keys. Throws a KeysFileError or StateError. */
export function hasKeys(config: Config, cwd: string): boolean {
  const { keysFile, apiKey, stateFile } = config;
  const state = openKeyState(stateFile === ":memory:" ? stateFile : resolve(cwd, stateFile));
  try {
    return areThere({ keysFile, apiKey, cwd }, state.keys);
  } finally {
    state.close();
  }
}
