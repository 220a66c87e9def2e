import type { Command } from "commander";
import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { describeAllowed, type ValueSchema } from "../../config/settings.ts";
import { KEPT_ANSWERS } from "../../generation/cache.ts";
import { PRIORITIES } from "../../generation/terms.ts";
import { parseDuration, parseEnd } from "../../keys/duration.ts";
import { type KeyPolicy, policySchema } from "../../keys/key.ts";
import { UsageError } from "../errors.ts";

/** The numeric flags, and the policy field that each sets. */
const NUMBERS = [
  ["requestsPerMinute", "--requests-per-minute", "maximum requests per minute"],
  ["requestsPerDay", "--requests-per-day", "maximum requests per day"],
  ["tokensPerMinute", "--tokens-per-minute", "maximum tokens per minute, prompts and answers together"],
  ["tokensPerDay", "--tokens-per-day", "maximum tokens per day, prompts and answers together"],
  ["concurrentRequests", "--concurrent-requests", "maximum requests in progress at once"],
  ["maxTokens", "--max-tokens", "answer length in tokens for requests that set none; overrides the setting"],
  ["maxTokensLimit", "--max-tokens-limit", "maximum answer length in tokens; a request for more is lowered to it"],
] as const;

/** The flags for money, and the policy field that each sets. */
const BUDGETS = [
  ["budgetPerDay", "--budget-per-day", "maximum cost per day of the calendar (UTC), in US dollars"],
  ["budgetPerMonth", "--budget-per-month", "maximum cost per month of the calendar (UTC), in US dollars"],
] as const;

/** Adds the flags of a key's policy to a command. */
export function addPolicyOptions(command: Command): void {
  command
    .option(
      "--expires <when>",
      "when the key expires: a time from now such as 30d, or a date such as 2027-01-31 (default never)",
    )
    .option(
      "--models <name>",
      "model that the key may use, by id or alias; may be repeated or a comma-separated list (default all)",
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), ...text.split(",")],
    )
    .option("--class <class>", `priority of its requests: ${PRIORITIES.join(", ")} (default default)`);
  for (const [, flag, description] of NUMBERS) command.option(`${flag} <number>`, `${description} (default no limit)`);
  for (const [, flag, description] of BUDGETS) command.option(`${flag} <dollars>`, `${description} (default no limit)`);
  command
    .option("--max-wait <time>", "maximum wait of its requests for their first token, such as 30s (default no limit)")
    .option(
      "--cache <which>",
      `which of its answers are cached: ${KEPT_ANSWERS.join(", ")} (default: as the preset sets)`,
    )
    .option("--local-only", "never send its requests to an upstream that is not marked as local")
    .option("--flows", "let its requests name flows (x-llm-d-inference-fairness-id), which share its turns fairly")
    .option(
      "--admin",
      "allow administration: create and revoke keys, reload the settings, load, unload, download and delete models, explain routes, see the usage of every key, clear and warm the cache",
    );
}

/** Parses those flags. Throws a CommandError that names the flag and its valid values. */
export function readPolicy(flags: Flags): KeyPolicy {
  const models = Array.isArray(flags.models) ? flags.models.map((name) => name.trim()) : undefined;
  if (models?.some((name) => name === ""))
    throw new UsageError("--models: an empty name is not allowed. List model ids or aliases.");
  const written = {
    ...(models !== undefined && { models }),
    ...(flags.class !== undefined && { class: flags.class }),
    ...Object.fromEntries(NUMBERS.flatMap(([field, flag]) => readNumber(flags[field], field, flag))),
    ...Object.fromEntries(BUDGETS.flatMap(([field, flag]) => readMoney(flags[field], field, flag))),
    ...(flags.maxWait !== undefined && { maxWaitMs: readWait(String(flags.maxWait)) }),
    ...(flags.cache !== undefined && { cache: flags.cache }),
    localOnly: flags.localOnly === true,
    flows: flags.flows === true,
    admin: flags.admin === true,
  };
  const parsed = policySchema.safeParse(written);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const flag = `--${String(issue?.path[0]).replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;
  const field = String(issue?.path[0]);
  const { properties } = z.toJSONSchema(policySchema, { io: "input" }) as { properties: Record<string, ValueSchema> };
  const shown = JSON.stringify(Object(written)[field])?.slice(0, 100);
  throw new UsageError(`${flag}: ${shown} is not allowed. Give ${describeAllowed(properties[field] ?? {})}.`);
}

/** When a key expires, in Unix ms; undefined means never. Throws a CommandError. */
export function readExpiry(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const endMs = parseEnd(text, nowMs);
  if (endMs === undefined) {
    throw new UsageError(
      `--expires: ${JSON.stringify(text)} is not allowed. Give a time from now, such as 12h or 30d, or a future date, such as 2027-01-31.`,
    );
  }
  return endMs;
}

function readNumber(given: Flags[string], field: string, flag: string): readonly (readonly [string, number])[] {
  if (given === undefined) return [];
  const value = typeof given === "string" && /^\d{1,12}$/.test(given) ? Number(given) : 0;
  if (value < 1)
    throw new UsageError(`${flag}: ${JSON.stringify(given)} is not allowed. Give a whole number of 1 or more.`);
  return [[field, value]];
}

function readMoney(given: Flags[string], field: string, flag: string): readonly (readonly [string, number])[] {
  if (given === undefined) return [];
  const value = typeof given === "string" && /^\d{1,7}(\.\d{1,6})?$/.test(given) ? Number(given) : 0;
  if (value === 0 || value > 1_000_000)
    throw new UsageError(
      `${flag}: ${JSON.stringify(given)} is not allowed. Give US dollars, such as 5 or 0.50, up to 1000000.`,
    );
  return [[field, value]];
}

function readWait(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > 86_400_000) {
    throw new UsageError(
      `--max-wait: ${JSON.stringify(text)} is not allowed. Give a time such as 500ms, 30s or 5m, a day at most.`,
    );
  }
  return ms;
}
