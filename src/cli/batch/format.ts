import { formatTable } from "../table.ts";
import { formatDuration } from "../units.ts";
import { hasEnded, type WireBatch } from "./wire.ts";

const HEADING = ["BATCH", "STATUS", "ENDPOINT", "DONE", "TOTAL", "FAILED", "LEFT"];

export function formatBatches(batches: readonly WireBatch[]): string {
  const rows = batches.map((batch) => {
    const { total, completed, failed } = batch.request_counts;
    const figures = [completed + failed, total, failed].map(String);
    return [batch.id, batch.status, batch.endpoint, ...figures, timeLeft(batch) ?? ""];
  });
  return formatTable([HEADING, ...rows], [3, 4, 5]);
}

/** A rate is shown after so many requests, or so long after the first began: what came at once stands for no others. */
const TELLING = { requests: 8, ms: 2_000 };

/** A batch's state in a line: `in_progress: 120 of 500 (24 %), 3.1/s, 2 min left, 1 failed`. */
export function formatState(batch: WireBatch, nowMs: number = Date.now()): string {
  const { total, completed, failed } = batch.request_counts;
  const beganMs = (batch.in_progress_at ?? Number.POSITIVE_INFINITY) * 1000;
  const isTelling = completed + failed >= TELLING.requests || nowMs - beganMs >= TELLING.ms;
  const perSecond = hasEnded(batch) || !isTelling ? undefined : batch.sluice?.requests_per_second;
  const left = isTelling ? timeLeft(batch) : undefined;
  const parts = [
    total === 0
      ? undefined
      : `${completed + failed} of ${total} (${Math.floor(((completed + failed) / total) * 100)} %)`,
    perSecond == null ? undefined : `${perSecond >= 10 ? Math.round(perSecond) : Number(perSecond.toPrecision(2))}/s`,
    left && `${left} left`,
    failed === 0 ? undefined : `${failed} failed`,
    placeOf(batch),
    batch.sluice?.paused == null ? undefined : `waiting: ${batch.sluice.paused}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? batch.status : `${batch.status}: ${parts.join(", ")}`;
}

/** What a batch has used, in a line: `12,000 tokens in (3,000 cached), 4,000 out, $0.0123, 2 min`; undefined if it has used nothing. */
export function formatUsage({ usage, in_progress_at: beganAt, completed_at: endedAt }: WireBatch): string | undefined {
  if (usage == null || usage.input_tokens + usage.output_tokens === 0) return undefined;
  const number = (tokens: number) => tokens.toLocaleString("en-US");
  const cached = usage.input_tokens_details?.cached_tokens ?? 0;
  const parts = [
    `${number(usage.input_tokens)} tokens in${cached === 0 ? "" : ` (${number(cached)} cached)`}`,
    `${number(usage.output_tokens)} out`,
    usage.cost === undefined ? undefined : `$${Number(usage.cost.toPrecision(3))}`,
    beganAt == null || endedAt == null ? undefined : formatDuration((endedAt - beganAt) * 1000),
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

/** The faults of a batch's input, one on each line. */
export function formatErrors({ errors }: WireBatch): string {
  return (errors?.data ?? [])
    .map(({ line, message }) => `${line === null ? "" : `line ${line}: `}${message}\n`)
    .join("");
}

function placeOf(batch: WireBatch): string | undefined {
  const place = hasEnded(batch) ? undefined : batch.sluice?.upstream;
  return place == null ? undefined : `${place.requests} in a batch of upstream ${place.name}`;
}

function timeLeft(batch: WireBatch): string | undefined {
  const seconds = hasEnded(batch) ? undefined : batch.sluice?.eta_seconds;
  return seconds == null ? undefined : formatDuration(seconds * 1000);
}
