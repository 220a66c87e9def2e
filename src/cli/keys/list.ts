import { type Flags, loadConfig } from "../../config/load.ts";
import { createFixedKeys } from "../../keys/fixed.ts";
import type { KeyPolicy } from "../../keys/key.ts";
import { type ListedKey, listKeys } from "../../keys/ring.ts";
import { shellCommand } from "../../version.ts";
import { type CliContext, EXIT } from "../context.ts";
import { formatTable } from "../table.ts";
import { withKeys } from "./open.ts";

const NO_STATE = { exists: () => false, list: () => [] };

/**
 * `sluice keys list`: prints every key and what it may do, those of `--keys-file` and of the setting too; never a secret, nor its hash.
 * Throws a ConfigError, KeysFileError or StateError.
 */
export function list(flags: Flags, context: CliContext, now: () => number = Date.now): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const logger = { info: () => {}, error: () => {} };
  const fixed = createFixedKeys({ ...config, cwd: context.cwd, logger }).list();
  const keys =
    config.stateFile === ":memory:"
      ? listKeys(NO_STATE, fixed)
      : withKeys(config, context.cwd, (state) => listKeys(state.keys, fixed));

  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(keys.map(toJson), null, 2)}\n`);
  } else if (keys.length === 0) {
    context.stderr.write(`There are no keys. Create one with \`${shellCommand("keys create NAME")}\`.\n`);
  } else {
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.source,
      key.policy.class,
      describeEnd(key.expiresMs, now()),
      key.policy.models?.join(", ") ?? "all",
      describeLimits(key.policy),
    ]);
    context.stdout.write(formatTable([["ID", "NAME", "KEPT IN", "CLASS", "EXPIRES", "MODELS", "LIMITS"], ...rows]));
  }
  return EXIT.done;
}

function toJson({ id, name, source, createdMs, expiresMs, policy }: ListedKey): object {
  return { id, name, source, created: toIso(createdMs), expires: toIso(expiresMs), ...policy };
}

function toIso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function describeEnd(expiresMs: number | undefined, nowMs: number): string {
  if (expiresMs === undefined) return "never";
  return `${new Date(expiresMs).toISOString().slice(0, 16)}Z${expiresMs <= nowMs ? " (expired)" : ""}`;
}

function describeLimits(policy: KeyPolicy): string {
  const limits = [
    [policy.requestsPerMinute, "requests/min"],
    [policy.requestsPerDay, "requests/day"],
    [policy.tokensPerMinute, "tokens/min"],
    [policy.tokensPerDay, "tokens/day"],
    [policy.concurrentRequests, "at once"],
    [policy.maxTokens, "tokens/answer unless asked"],
    [policy.maxTokensLimit, "tokens/answer"],
  ] as const;
  const words = limits.flatMap(([limit, unit]) => (limit === undefined ? [] : [`${limit} ${unit}`]));
  if (policy.budgetPerDay !== undefined) words.push(`$${policy.budgetPerDay}/day`);
  if (policy.budgetPerMonth !== undefined) words.push(`$${policy.budgetPerMonth}/month`);
  if (policy.maxWaitMs !== undefined) words.push(`waits ${policy.maxWaitMs} ms`);
  if (policy.cache !== undefined) words.push(`cache ${policy.cache}`);
  if (policy.localOnly) words.push("local only");
  if (policy.admin) words.push("admin");
  return words.join(", ") || "none";
}
