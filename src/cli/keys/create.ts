import { type Flags, loadConfig } from "../../config/load.ts";
import { issueKey } from "../../keys/manage.ts";
import { type CliContext, EXIT } from "../context.ts";
import { withKeys } from "./open.ts";
import { readExpiry, readPolicy } from "./policy-flags.ts";
import { tellSecret } from "./tell.ts";

/** `sluice keys create NAME`: makes a key and prints its secret, this once. Throws a ConfigError, CommandError, KeyError or StateError. */
export function createKey(name: string, flags: Flags, context: CliContext, now: () => number = Date.now): number {
  // Two settings have the names of what a key may do.
  const { maxTokens: _, maxTokensLimit: __, ...settings } = flags;
  const { config } = loadConfig({ flags: settings, env: context.env, cwd: context.cwd });
  const policy = readPolicy(flags);
  const expiresMs = readExpiry(typeof flags.expires === "string" ? flags.expires : undefined, now());
  const issued = withKeys(config, context.cwd, ({ keys }) => issueKey(keys, { name, expiresMs, policy }, now()));
  tellSecret(issued, flags, context, `The key ${issued.record.name} (${issued.record.id}) is made.`);
  return EXIT.done;
}
