import { type Flags, loadConfig } from "../config/load.ts";
import { parseDate, parseDuration } from "../keys/duration.ts";
import { dayOf } from "../keys/usage.ts";
import { NANOS } from "../keys/windows.ts";
import type { UsageQuery, UsageRow } from "../store/usage.ts";
import { type CliContext, EXIT } from "./context.ts";
import { UsageError } from "./errors.ts";
import { withKeys } from "./keys/open.ts";
import { formatTable } from "./table.ts";

const HEADING = [
  "DAY",
  "KEY",
  "MODEL",
  "REQUESTS",
  "PROMPT",
  "CACHED",
  "COMPLETION",
  "ERRORS",
  "REFUSED",
  "COST",
  "WH",
];

/**
 * `sluice usage`: prints what each key used of each model on each day, as a table or as JSON. Throws a ConfigError, a CommandError for a
 * wrong `--since`, and a StateError.
 */
export function usage(flags: Flags, context: CliContext, now: () => number = Date.now): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const query: UsageQuery = {
    ...(typeof flags.key === "string" && { key: flags.key }),
    ...(typeof flags.model === "string" && { model: flags.model }),
    ...(typeof flags.since === "string" && { since: readSince(flags.since, now()) }),
  };
  const rows = withKeys(config, context.cwd, ({ usage }) => (usage.exists() ? usage.list(query) : []));
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(rows.map(toJson), null, 2)}\n`);
  } else if (rows.length === 0) {
    context.stderr.write(
      "No matching usage is recorded. A running gateway records that of requests with a key, with a delay of up to 2 seconds; without keys it records none (sluice keys create).\n",
    );
  } else {
    context.stdout.write(formatTable([HEADING, ...rows.map(toCells)], [3, 4, 5, 6, 7, 8, 9, 10]));
  }
  return EXIT.done;
}

function toCells(row: UsageRow): string[] {
  const { day, name, model, requests, promptTokens, cachedTokens, completionTokens, errors, refusals } = row;
  const counts = [requests, promptTokens, cachedTokens, completionTokens, errors, refusals].map(String);
  return [day, name, model, ...counts, formatMoney(row.costNanos / NANOS), formatAmount(row.millijoules / 3_600_000)];
}

/** Empty if nothing is known of it. */
function formatMoney(dollars: number): string {
  return dollars === 0 ? "" : `$${formatAmount(dollars)}`;
}

/** With at least two digits that say something. */
function formatAmount(amount: number): string {
  return amount === 0 ? "" : amount.toFixed(Math.max(2, Math.min(9, 1 - Math.floor(Math.log10(amount)))));
}

/** A row without units of storage. */
function toJson({ costNanos, millijoules, ...row }: UsageRow): object {
  return { ...row, cost: costNanos / NANOS, energyJoules: millijoules / 1_000 };
}

function readSince(text: string, nowMs: number): string {
  const durationMs = parseDuration(text);
  const ms = durationMs === undefined ? parseDate(text) : nowMs - durationMs;
  if (ms === undefined) {
    throw new UsageError(
      `--since: ${JSON.stringify(text)} is not allowed. Give a date such as 2026-11-01, or a time before now, such as 7d.`,
    );
  }
  return dayOf(ms);
}
