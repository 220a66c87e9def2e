import { z } from "zod";
import { newProgress, type Progress } from "../batch/progress.ts";
import {
  BATCH_STATUSES,
  type BatchKind,
  type BatchRecord,
  type BatchStatus,
  type LiveBatch,
} from "../store/batches.ts";
import { fieldsOf, wordsOf } from "./replies.ts";

/** The fields of a batch that counts of lines and tokens are added to. The cost is in billionths of a dollar. */
const COUNTS = ["completed", "failed", "expired", "cancelled"] as const;
const TOKENS = ["input", "cached", "output", "reasoning"] as const;
export const COST_UNITS = 1e9;

const moreSchema = z.record(z.string(), z.unknown());

/** A batch and its number, and whose it is. */
export type BatchRow = {
  readonly seq: number;
  readonly tenant: string;
  readonly record: BatchRecord;
  /** Whether it is known where its lines begin. */
  readonly isIndexed: boolean;
  readonly perSecond: number | undefined;
  readonly outputBytes: number;
  readonly errorBytes: number;
};

/** The fields under which a batch is added, beside those that its place is made of. */
export function fieldsOfBatch(record: BatchRecord): readonly (string | number)[] {
  const { keyId, createdMs, endsMs, status, endpoint, outputFile, errorFile, body, progress } = record;
  const total = progress === null ? undefined : z.object({ total: z.int() }).parse(JSON.parse(progress)).total;
  return [
    ...["keyId", keyId ?? "", "createdMs", createdMs, "endsMs", endsMs, "status", status, "endpoint", endpoint],
    ...["outputFile", outputFile, "errorFile", errorFile, "body", body],
    ...(total === undefined ? [] : ["total", total]),
  ];
}

/** Undefined if there is no such batch. */
export function batchOf(reply: unknown): BatchRow | undefined {
  const [hash, workers] = z.tuple([z.unknown(), z.unknown()]).parse(reply);
  const fields = fieldsOf(wordsOf(hash));
  const id = fields.get("id");
  if (id === undefined) return undefined;
  const text = (name: string) => fields.get(name) ?? "";
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const progress = progressOf(fields);
  const status = statusOf(text("status"));
  return {
    seq: number("seq"),
    tenant: text("tenant"),
    isIndexed: fields.has("blocks"),
    perSecond: progress?.perSecond ?? undefined,
    outputBytes: number("outputBytes"),
    errorBytes: number("errorBytes"),
    record: {
      id,
      kind: kindOf(text("kind")),
      keyId: text("keyId") === "" ? null : text("keyId"),
      createdMs: number("createdMs"),
      endsMs: number("endsMs"),
      status,
      endpoint: text("endpoint"),
      inputFile: text("inputFile"),
      outputFile: text("outputFile"),
      errorFile: text("errorFile"),
      body: bodyOf(fields),
      progress: progress === undefined ? null : JSON.stringify(progress),
      live: liveOf(progress, fieldsOf(wordsOf(workers))),
    },
  };
}

/** What was said at its creation, with what was added since and the times of its changes. */
function bodyOf(fields: ReadonlyMap<string, string>): string {
  const body: Record<string, unknown> = moreSchema.parse(JSON.parse(fields.get("body") ?? "{}"));
  for (const line of (fields.get("more") ?? "").split("\n")) {
    if (line !== "") Object.assign(body, moreSchema.parse(JSON.parse(line)));
  }
  for (const [name, value] of fields) if (name.startsWith("at:")) body[name.slice(3)] = Number(value);
  return JSON.stringify(body);
}

function progressOf(fields: ReadonlyMap<string, string>): Progress | undefined {
  const number = (name: string) => Number(fields.get(name) ?? 0);
  if (!fields.has("total")) return undefined;
  const perSecond = fields.get("perSecond");
  return {
    ...newProgress(number("total")),
    outputBytes: number("outputBytes"),
    errorBytes: number("errorBytes"),
    counts: numbersOf(COUNTS, number),
    usage: { ...numbersOf(TOKENS, number), cost: number("cost") / COST_UNITS },
    perSecond: perSecond === undefined ? null : Number(perSecond),
  };
}

function numbersOf<Name extends string>(names: readonly Name[], number: (name: string) => number) {
  const entries = names.map((name) => [name, number(name)] as const);
  return Object.fromEntries(entries) as Record<Name, number>;
}

/** It waits if all gateways that work on it do. */
function liveOf(progress: Progress | undefined, workers: ReadonlyMap<string, string>): LiveBatch {
  const reasons = [...workers.values()].map((text) => text.slice(text.indexOf(" ") + 1));
  const perSecond = progress?.perSecond ?? undefined;
  const counts = progress?.counts;
  const done = counts === undefined ? 0 : counts.completed + counts.failed + counts.expired + counts.cancelled;
  return {
    perSecond,
    secondsLeft: !perSecond || progress === undefined ? undefined : (progress.total - done) / perSecond,
    pausedFor: reasons.length > 0 && reasons.every((reason) => reason !== "") ? reasons[0] : undefined,
  };
}

function kindOf(text: string): BatchKind {
  return text === "anthropic" ? "anthropic" : "openai";
}

const statusSchema = z.enum(BATCH_STATUSES);

export function statusOf(text: string): BatchStatus {
  return statusSchema.parse(text);
}
