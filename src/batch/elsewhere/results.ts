import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { membersOf } from "../../json/members.ts";
import { readLineJson } from "../../json/read-line.ts";
import type { Replay } from "../attempt.ts";

/** A longer line is no answer: its request is made again here. */
export const MAX_RESULT_BYTES = 4 * 1024 * 1024;

/** A file is read no further in a line of this many bytes. */
const MAX_SKIPPED_BYTES = 16 * MAX_RESULT_BYTES;

/** A file may have so many lines for each request, and so many more. Those that were taken before are read again. */
const LINES_PER_REQUEST = 3;
const MORE_LINES = 1_000;

/** So much is read before others have their turn; a line or a chunk, however short, counts as 256 bytes. */
const TURN_BYTES = 256 * 1024;
const LEAST_COUNTED = 256;

/** A line may speak of itself in so many places, such as in the metadata of its answer. */
const MAX_IDS = 16;

const NEWLINE = 0x0a;

/** A request's answer. */
type Result = {
  /** The number of its line in the input. */
  readonly line: number;
  /** Undefined if there is none that counts: it failed there, expired, or was refused for a while. */
  readonly answer: Replay | undefined;
};

/** What may be in a file of results. */
export type Expected = {
  /** How many requests the file answers. */
  readonly lines: number;
  /** Whether this line of the input has no result yet. */
  readonly isAwaited: (line: number) => boolean;
};

/** What is found: a result, a line that is strange, or, as the last, that the file has more than it may and was left. */
export type Found = Result | "strange" | "excess";

/** What a request is told that is wrong: asked again, it would be told the same. */
const FINAL_REFUSALS = [400, 413, 422];

const resultSchema = z.object({
  custom_id: z.string().regex(/^\d{1,9}$/),
  response: z
    .object({ status_code: z.int(), body: z.record(z.string(), z.unknown()) })
    .nullish()
    .catch(undefined),
});

/**
 * Reads a file of results, with one line of it in memory. Lines that can't be read, or are not awaited, are strange. Others have their turn
 * however fast the file comes, and one out of proportion to what is expected is not read to its end.
 */
export async function* readResults(chunks: AsyncIterable<Uint8Array>, expected: Expected): AsyncGenerator<Found> {
  const maxLines = LINES_PER_REQUEST * expected.lines + MORE_LINES;
  const maxBytes = (expected.lines + LINES_PER_REQUEST) * MAX_RESULT_BYTES;
  let held = Buffer.alloc(64 * 1024);
  let bytes = 0;
  let lines = 0;
  let allBytes = 0;
  let turn = 0;

  function keep(piece: Uint8Array): void {
    const end = bytes + piece.byteLength;
    if (end <= MAX_RESULT_BYTES) {
      if (end > held.byteLength) held = Buffer.concat([held], Math.max(end, 2 * held.byteLength));
      held.set(piece, bytes);
    }
    bytes = end;
  }

  async function finish(): Promise<Found> {
    const text = bytes > MAX_RESULT_BYTES ? undefined : held.toString("utf8", 0, bytes);
    bytes = 0;
    return (text !== undefined && (await readResult(text, expected.isAwaited))) || "strange";
  }

  async function count(read: number): Promise<void> {
    turn += Math.max(LEAST_COUNTED, read);
    if (turn < TURN_BYTES) return;
    turn = 0;
    await setImmediate();
  }

  for await (const chunk of chunks) {
    await count(0);
    for (let at = 0; at < chunk.byteLength; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline < 0 ? chunk.byteLength : newline;
      keep(chunk.subarray(at, end));
      allBytes += end - at;
      await count(end - at);
      at = end + 1;
      if (newline >= 0) lines += 1;
      if (lines > maxLines || allBytes > maxBytes || bytes > MAX_SKIPPED_BYTES) {
        yield "excess";
        return;
      }
      if (newline >= 0) yield await finish();
    }
  }
  if (bytes > 0) yield await finish();
}

async function readResult(text: string, isAwaited: Expected["isAwaited"]): Promise<Result | undefined> {
  if (!mayBeAwaited(text, isAwaited)) return undefined;
  const read = await readLineJson(text);
  const parsed = "value" in read ? resultSchema.safeParse(read.value) : undefined;
  if (parsed?.success !== true) return undefined;
  const { custom_id: id, response } = parsed.data;
  const line = Number(id);
  if (!isAwaited(line)) return undefined;
  if (response == null) return { line, answer: undefined };
  const { status_code: status } = response;
  const isFinal = (status >= 200 && status <= 299) || FINAL_REFUSALS.includes(status);
  // As it is written, since a number may have more digits than ours.
  const body = isFinal ? memberOf(memberOf(text, "response") ?? "", "body") : undefined;
  return { line, answer: body === undefined ? undefined : { status, body } };
}

/** Whether it speaks of a line that is awaited, so that it is worth being parsed. */
function mayBeAwaited(text: string, isAwaited: Expected["isAwaited"]): boolean {
  let places = 0;
  for (const [, id] of text.matchAll(/"custom_id"\s*:\s*"(\d{1,9})"/g)) {
    if (isAwaited(Number(id))) return true;
    places += 1;
    if (places === MAX_IDS) return false;
  }
  return false;
}

function memberOf(text: string, wanted: string): string | undefined {
  const member = membersOf(text)?.findLast(({ name }) => name === wanted);
  return member && text.slice(member.start, member.end);
}
