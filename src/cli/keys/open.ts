import { resolve } from "node:path";
import type { Config } from "../../config/schema.ts";
import { type KeyState, openKeyState } from "../../store/state.ts";
import { CommandError } from "../errors.ts";

/**
 * Opens the keys and their usage in the state file, which a running gateway may use at the same time. Throws a CommandError for a state in
 * memory, which no other program can read.
 */
function openKeys({ stateFile }: Config, cwd: string): KeyState {
  if (stateFile === ":memory:") {
    throw new CommandError(
      "With --state-file :memory: there is no file for keys. Name a file, or put the keys into a keys file " +
        "(--keys-file) or SLUICE_API_KEY.",
    );
  }
  return openKeyState(resolve(cwd, stateFile));
}

/** Opens the keys, runs `work` and closes them. Throws the errors of `openKeys` and `work`. */
export function withKeys<T>(config: Config, cwd: string, work: (state: KeyState) => T): T {
  const state = openKeys(config, cwd);
  try {
    return work(state);
  } finally {
    state.close();
  }
}
