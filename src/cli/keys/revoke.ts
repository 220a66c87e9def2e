import { type Flags, loadConfig } from "../../config/load.ts";
import { revokeKey } from "../../keys/manage.ts";
import { type CliContext, EXIT } from "../context.ts";
import { withKeys } from "./open.ts";

/** `sluice keys revoke KEY`: ends a key at once. What it stored stays, for nobody. Throws a ConfigError, KeyError or StateError. */
export function revoke(key: string, flags: Flags, context: CliContext): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const { id, name } = withKeys(config, context.cwd, ({ keys }) => revokeKey(keys, key));
  context.stderr.write(`The key ${name} (${id}) is revoked: requests with it are refused from now on.\n`);
  return EXIT.done;
}
