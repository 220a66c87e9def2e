import { z } from "zod";

const count = z.int().min(0);
const place = z.strictObject({ line: count, offset: count });
const unixMs = z.number();

/**
 * `planned`: it may be being sent. `uploaded`: the server has the file, and perhaps a batch of it. `created`: it works on it. `ended`: it does no
 * more. `taken`: its results are recorded. `done`: each of its lines has a result.
 */
const STATES = ["planned", "uploaded", "created", "ended", "taken", "done"] as const;

const schema = z.strictObject({
  number: count,
  /** Another begins when the server has refused the one before for a while. */
  attempt: count,
  state: z.enum(STATES),
  upstream: z.string(),
  /** The id that the model has here, and the server's name for it. */
  target: z.string(),
  model: z.string(),
  /** The lines of the input that it is made of, from the first to the one behind the last. */
  begin: place,
  end: place,
  /** How many of them the server gets, and how large they are together. */
  lines: count,
  bytes: count,
  createdMs: unixMs,
  /** How often a batch was asked for. Noted before it is. */
  asks: count,
  /** The server is not asked before. */
  notBeforeMs: unixMs,
  /** When it was told to stop; null if it was not. */
  stoppedMs: unixMs.nullable(),
  batchId: z.string().nullable(),
  fileId: z.string().nullable(),
  outputFile: z.string().nullable(),
  errorFile: z.string().nullable(),
  /** The files there that are not deleted. */
  files: z.array(z.string()).max(8),
  /** How many requests the server has answered, as it says. */
  completed: count,
  /** Whether the server takes no batches, so that no more are brought. */
  isRefused: z.boolean(),
  /** Why it is waited for; null if nothing is wrong. */
  trouble: z.string().nullable(),
});

/** A part of a batch that another server works on, in a batch of its own. */
export type Segment = Readonly<z.infer<typeof schema>>;

export function readSegment(json: string): Segment {
  return schema.parse(JSON.parse(json));
}

type NewSegment = Pick<
  Segment,
  "number" | "state" | "upstream" | "target" | "model" | "begin" | "end" | "lines" | "bytes" | "createdMs"
>;

export function newSegment(given: NewSegment): Segment {
  const nothing = { batchId: null, fileId: null, outputFile: null, errorFile: null, trouble: null, stoppedMs: null };
  return { ...given, ...nothing, attempt: 0, asks: 0, notBeforeMs: 0, files: [], completed: 0, isRefused: false };
}

/** What tells its batch from all others there. */
export function tagOf(batch: string, { number, attempt }: Pick<Segment, "number" | "attempt">): string {
  return `${batch}.${number}.${attempt}`;
}

/** The name of its file there. */
export function fileNameOf(batch: string, { number }: Pick<Segment, "number">): string {
  return `sluice-${batch}-${number}.jsonl`;
}

const LEAST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 60_000;
/** A batch is asked for again after this part of its age. */
const PAUSE_PART = 0.1;

/** How long to wait before the server is asked again. */
export function pauseFor({ createdMs, stoppedMs }: Pick<Segment, "createdMs" | "stoppedMs">, nowMs: number): number {
  return Math.min(MOST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, PAUSE_PART * (nowMs - (stoppedMs ?? createdMs))));
}
