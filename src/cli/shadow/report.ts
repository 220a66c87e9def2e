import { type Flags, loadConfig } from "../../config/load.ts";
import { parseDate, parseDuration } from "../../keys/duration.ts";
import { NANOS } from "../../keys/windows.ts";
import type { Omission } from "../../shadow/layer.ts";
import type { ShadowRow } from "../../store/shadow.ts";
import { type CliContext, EXIT } from "../context.ts";
import { UsageError } from "../errors.ts";
import { withKeys } from "../keys/open.ts";
import { formatTable } from "../table.ts";
import { formatShare, type Share, wilson } from "../wilson.ts";

/** What was measured for one preset and one pair of models. */
type Finding = {
  /** Null for calls without one. */
  readonly preset: string | null;
  readonly model: string;
  readonly local: string;
  readonly calls: number;
  readonly same: Share;
  /** What the calls that would have been the same have cost, in US dollars. */
  readonly saved: number;
};

/**
 * `sluice shadow report`: prints how many of the sampled calls would have been the same here. Throws a ConfigError, a CommandError for a wrong
 * `--since`, and a StateError.
 */
export function report(flags: Flags, context: CliContext, now: () => number = Date.now): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const since = typeof flags.since === "string" ? flags.since : "7d";
  const query = {
    sinceMs: readSince(since, now()),
    ...(typeof flags.preset === "string" && { preset: flags.preset }),
  };
  const { rows, omitted } = withKeys(config, context.cwd, ({ shadows }) =>
    shadows.exists()
      ? { rows: shadows.list(query), omitted: describeOmitted(shadows.listOmitted(query)) }
      : { rows: [], omitted: "" },
  );
  const findings = summarize(rows);
  if (flags.json === true) context.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else if (rows.length === 0) {
    context.stderr.write(
      omitted === ""
        ? "No calls were compared in this time. --shadow-share and --shadow-model turn it on at the gateway; comparisons are made while it is idle.\n"
        : "No calls were compared in this time.\n",
    );
  } else context.stdout.write(describe(findings, rows, { since, share: config.shadowShare }));
  context.stderr.write(omitted);
  return EXIT.done;
}

const REASONS: Readonly<Record<Omission, string>> = {
  cut: "the upstream's answer was cut off at its length",
  unreadable: "the upstream's answer was refused, too long or can't be compared",
  key: "the key may not use the local model, or that isn't served",
  full: "too many calls were waiting",
  unloaded: "the local model was not loaded",
  disturbed: "requests of clients interrupted it each time",
  failed: "the local model gave no answer",
};

/** Empty if none was left out. */
function describeOmitted(omitted: readonly { readonly reason: string; readonly calls: number }[]): string {
  if (omitted.length === 0) return "";
  const words: ReadonlyMap<string, string> = new Map(Object.entries(REASONS));
  const total = omitted.reduce((sum, { calls }) => sum + calls, 0);
  const lines = omitted.map(({ reason, calls }) => `  ${calls}: ${words.get(reason) ?? reason}\n`);
  return `${total} sampled calls were left out:\n${lines.join("")}`;
}

/** `sluice shadow forget`: removes kept texts. */
export function forget(flags: Flags, context: CliContext): number {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const key = typeof flags.key === "string" ? flags.key : undefined;
  const count = withKeys(config, context.cwd, ({ shadows }) => (shadows.exists() ? shadows.forgetTexts(key) : 0));
  context.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ calls: count }, null, 2)}\n`
      : `The texts of ${count} calls were removed.\n`,
  );
  return EXIT.done;
}

/** One finding for each preset and pair of models, those with the most calls first. */
function summarize(rows: readonly ShadowRow[]): readonly Finding[] {
  const groups = Map.groupBy(rows, ({ preset, model, local }) => JSON.stringify([preset, model, local]));
  const findings = [...groups.values()].flatMap((group): readonly Finding[] => {
    const [first] = group;
    return first === undefined ? [] : [findingOf(first, group)];
  });
  return findings.sort((one, other) => other.calls - one.calls);
}

function findingOf({ preset, model, local }: ShadowRow, rows: readonly ShadowRow[]): Finding {
  const same = rows.filter(({ isSame }) => isSame);
  return {
    ...{ preset, model, local, calls: rows.length, same: wilson(same.length, rows.length) },
    saved: savedBy(rows),
  };
}

function savedBy(rows: readonly ShadowRow[]): number {
  return rows.reduce((sum, { isSame, costNanos }) => sum + (isSame ? (costNanos ?? 0) : 0), 0) / NANOS;
}

function describe(
  findings: readonly Finding[],
  rows: readonly ShadowRow[],
  { since, share }: { readonly since: string; readonly share: number },
): string {
  const same = wilson(rows.filter(({ isSame }) => isSame).length, rows.length);
  const saved = savedBy(rows);
  // The sample stands for all calls of that time, as far as the share was the same.
  const all =
    share > 0 && share < 1 ? `, about $${(saved / share).toFixed(2)} for all calls at a share of ${share}` : "";
  const heading = ["PRESET", "UPSTREAM", "HERE", "CALLS", "SAME", "SAVED"];
  const cells = findings.map((finding) => [
    ...[finding.preset ?? "-", finding.model, finding.local, String(finding.calls)],
    ...[formatShare(finding.same), `$${finding.saved.toFixed(4)}`],
  ]);
  return (
    `Of ${rows.length} sampled calls since ${since}, ${formatShare(same)} would have been the same here; ` +
    `it would have saved $${saved.toFixed(4)}${all}.\n\n${formatTable([heading, ...cells], [3, 4, 5])}`
  );
}

/** Unix ms. Throws a CommandError for anything but a date or a time before now. */
export function readSince(text: string, nowMs: number): number {
  const durationMs = parseDuration(text);
  const ms = durationMs === undefined ? parseDate(text) : nowMs - durationMs;
  if (ms === undefined) {
    throw new UsageError(
      `--since: ${JSON.stringify(text)} is not allowed. Give a date such as 2026-11-01, or a time before now, such as 7d.`,
    );
  }
  return ms;
}
