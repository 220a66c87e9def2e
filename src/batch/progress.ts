import { z } from "zod";
import type { Place } from "./read-lines.ts";

/** The tokens of a batch's answers together. */
export type BatchUsage = {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
  /** In US dollars, as far as it is known. */
  readonly cost: number;
};

/** What became of a line. */
export type LineFate = "completed" | "failed" | "expired" | "cancelled";

const count = z.int().min(0);
/** So that two of them are an integer together. */
const MAX_SUM = 2 ** 52;

/** Of tokens; one that can't be counted must not keep a batch from going on. */
const sum = z
  .number()
  .min(0)
  .catch(0)
  .transform((tokens) => Math.min(MAX_SUM, Math.floor(tokens)));

const schema = z.strictObject({
  total: count,
  next: z.strictObject({ line: count, offset: count }),
  beyond: z.array(count),
  outputBytes: count,
  errorBytes: count,
  counts: z.strictObject({ completed: count, failed: count, expired: count, cancelled: count }),
  // Older versions stored no cost.
  usage: z.strictObject({
    input: sum,
    cached: sum,
    output: sum,
    reasoning: sum,
    cost: z.number().min(0).catch(0).default(0),
  }),
  perSecond: z.number().nullable(),
});

/**
 * How far a batch is. All lines before `next` are done, and those in `beyond`: exactly these are in the first `outputBytes` and `errorBytes` of
 * its files.
 */
export type Progress = Readonly<z.infer<typeof schema>>;

export function newProgress(total: number): Progress {
  return {
    total,
    next: { line: 0, offset: 0 },
    beyond: [],
    outputBytes: 0,
    errorBytes: 0,
    counts: { completed: 0, failed: 0, expired: 0, cancelled: 0 },
    usage: { input: 0, cached: 0, output: 0, reasoning: 0, cost: 0 },
    perSecond: null,
  };
}

export function readProgress(json: string): Progress {
  return schema.parse(JSON.parse(json));
}

export function doneOf({ counts }: Pick<Progress, "counts">): number {
  return counts.completed + counts.failed + counts.expired + counts.cancelled;
}

/** A line that is done. */
export type Done = {
  readonly line: number;
  readonly fate: LineFate;
  readonly isError: boolean;
  readonly bytes: number;
  readonly usage: BatchUsage | undefined;
};

/** @param placeOf where a line begins, for the first that is not done; undefined at the end of the file */
export function advance(
  progress: Progress,
  done: readonly Done[],
  placeOf: (line: number) => Place | undefined,
): Progress {
  const beyond = new Set(progress.beyond);
  const counts = { ...progress.counts };
  const usage = { ...progress.usage };
  let { outputBytes, errorBytes } = progress;
  for (const { line, fate, isError, bytes, usage: used } of done) {
    if (line < progress.next.line || beyond.has(line)) throw new Error(`Line ${line} is done twice.`);
    beyond.add(line);
    counts[fate] += 1;
    if (isError) errorBytes += bytes;
    else outputBytes += bytes;
    if (used === undefined) continue;
    for (const name of ["input", "cached", "output", "reasoning"] as const) {
      usage[name] = Math.min(MAX_SUM, usage[name] + used[name]);
    }
    usage.cost = Math.min(MAX_SUM, usage.cost + used.cost);
  }
  let { line } = progress.next;
  while (beyond.delete(line)) line += 1;
  const next =
    line === progress.next.line ? progress.next : (placeOf(line) ?? { line, offset: Number.MAX_SAFE_INTEGER });
  const ordered = [...beyond].sort((one, other) => one - other);
  return { ...progress, next, beyond: ordered, outputBytes, errorBytes, counts, usage };
}
