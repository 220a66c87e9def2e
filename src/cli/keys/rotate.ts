import { type Flags, loadConfig } from "../../config/load.ts";
import { parseDuration } from "../../keys/duration.ts";
import { rotateKey } from "../../keys/manage.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { withKeys } from "./open.ts";
import { tellSecret } from "./tell.ts";

/**
 * `sluice keys rotate KEY`: gives a key another secret and prints it, this once. The old one ends at once, or after `--grace`. Throws a
 * ConfigError, CommandError, KeyError or StateError.
 */
export function rotate(key: string, flags: Flags, context: CliContext, now: () => number = Date.now): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const graceMs = readGrace(flags.grace);
  const issued = withKeys(config, context.cwd, ({ keys }) => rotateKey(keys, key, now() + graceMs));
  const old =
    graceMs === 0 ? "the old one has ended" : `the old one works until ${new Date(now() + graceMs).toISOString()}`;
  tellSecret(issued, flags, context, `The key ${issued.record.name} (${issued.record.id}) has a new secret; ${old}.`);
  return EXIT.done;
}

function readGrace(given: Flags[string]): number {
  if (given === undefined || given === "0") return 0;
  const ms = parseDuration(String(given));
  if (ms === undefined) {
    throw new CommandError(`--grace: ${JSON.stringify(given)} is not allowed. Give a time such as 30m, 24h or 7d.`);
  }
  return ms;
}
