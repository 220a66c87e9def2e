import { resolve } from "node:path";
import { URL_VARIABLE } from "../../config/environment.ts";
import { type Flags, loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { parseDuration } from "../../keys/duration.ts";
import { type IssuedKey, issueKey, revokeKey, rotateKey } from "../../keys/manage.ts";
import { UnknownModelError } from "../../models/index.ts";
import { type CliContext, EXIT } from "../context.ts";
import { UsageError } from "../errors.ts";
import { resolveModels } from "../fetch-models.ts";
import { withKeys } from "./open.ts";
import { readExpiry, readPolicy } from "./policy-flags.ts";

/** `sluice keys create NAME`: creates a key and prints its secret once. Throws a ConfigError, CommandError, KeyError or StateError. */
export async function createKey(
  name: string,
  flags: Flags,
  context: CliContext,
  now: () => number = Date.now,
): Promise<number> {
  // Two flags of a key's policy have the names of settings.
  const { maxTokens: _, maxTokensLimit: __, ...settings } = flags;
  const { config } = loadConfig({ flags: settings, env: context.env, cwd: context.cwd });
  const policy = readPolicy(flags);
  const expiresMs = readExpiry(typeof flags.expires === "string" ? flags.expires : undefined, now());
  const issued = withKeys(config, context.cwd, ({ keys }) => issueKey(keys, { name, expiresMs, policy }, now()));
  tellSecret(issued, flags, context, createdIn(issued, config, context));
  for (const model of policy.models ?? []) {
    if (await isKnown(model, config, context)) continue;
    context.stderr.write(
      `No model is known as ${JSON.stringify(model)}: the key can't use it until one has that name.\n`,
    );
  }
  return EXIT.done;
}

/** Says in which file the key is, since only the gateways with that file take it. */
function createdIn({ record }: IssuedKey, { stateFile }: Config, { cwd, env }: CliContext): string {
  const file = resolve(cwd, stateFile);
  const warning = env[URL_VARIABLE] ? ` Keys are made in a file, so ${URL_VARIABLE} was not used.` : "";
  return `The key ${record.name} (${record.id}) was created in ${file}: gateways with that state file need a key from now on.${warning}`;
}

/** Whether the settings or the catalogue have a model with this id or alias. */
async function isKnown(name: string, { model, aliases }: Config, { cwd }: CliContext): Promise<boolean> {
  const wanted = name.toLowerCase();
  if (aliases.some((text) => text.slice(0, text.indexOf("=")).trim().toLowerCase() === wanted)) return true;
  try {
    const served = await resolveModels(model, cwd);
    if (served.some((each) => [each.id, ...each.aliases].some((known) => known.toLowerCase() === wanted))) return true;
    await resolveModels([name], cwd);
    return true;
  } catch (error) {
    if (error instanceof UnknownModelError) return false;
    throw error;
  }
}

/**
 * `sluice keys rotate KEY`: gives a key a new secret and prints it once. The old secret expires at once, or after `--grace`. Throws a
 * ConfigError, CommandError, KeyError or StateError.
 */
export function rotate(key: string, flags: Flags, context: CliContext, now: () => number = Date.now): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const graceMs = readGrace(flags.grace);
  const issued = withKeys(config, context.cwd, ({ keys }) => rotateKey(keys, key, now() + graceMs));
  const old =
    graceMs === 0
      ? "the old one no longer works"
      : `the old one works until ${new Date(now() + graceMs).toISOString()}`;
  tellSecret(issued, flags, context, `The key ${issued.record.name} (${issued.record.id}) has a new secret; ${old}.`);
  return EXIT.done;
}

function readGrace(given: Flags[string]): number {
  if (given === undefined || given === "0") return 0;
  const ms = parseDuration(String(given));
  if (ms === undefined) {
    throw new UsageError(`--grace: ${JSON.stringify(given)} is not allowed. Give a time such as 30m, 24h or 7d.`);
  }
  return ms;
}

/**
 * `sluice keys revoke KEY`: revokes a key at once. The data that it stored stays, but is no longer accessible. Throws a ConfigError, KeyError
 * or StateError.
 */
export function revoke(key: string, flags: Flags, context: CliContext): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const { record, isLast } = withKeys(config, context.cwd, ({ keys }) => {
    const revoked = revokeKey(keys, key);
    return { record: revoked, isLast: keys.list().length === 0 };
  });
  const { id, name } = record;
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ id, name, revoked: true }, null, 2)}\n`);
  context.stderr.write(`The key ${name} (${id}) was revoked: requests with it are now refused.\n`);
  if (isLast && config.keysFile === "" && config.apiKey === "") {
    context.stderr.write(
      "It was the last key. A running gateway refuses every request until you create another; after a restart, no key is needed.\n",
    );
  }
  return EXIT.done;
}

/** Prints a secret. Only the secret goes to stdout, for scripts; explanations go to stderr. */
function tellSecret({ record, secret }: IssuedKey, flags: Flags, context: CliContext, done: string): void {
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify({ id: record.id, name: record.name, key: secret }, null, 2)}\n`);
    return;
  }
  context.stderr.write(`${done} The secret is shown only once; only its hash is stored:\n`);
  context.stdout.write(`${secret}\n`);
}
