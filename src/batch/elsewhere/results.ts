import { z } from "zod";
import { membersOf } from "../../json/members.ts";
import type { Replay } from "../attempt.ts";

/** A longer line is no answer: its request is made again here. */
const MAX_RESULT_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/** A request's answer. */
export type Result = {
  /** The number of its line in the input. */
  readonly line: number;
  /** Undefined if there is none that counts: it failed there, expired, or was refused for a while. */
  readonly answer: Replay | undefined;
};

/** What a request is told that is wrong: asked again, it would be told the same. */
const FINAL_REFUSALS = [400, 413, 422];

const resultSchema = z.object({
  custom_id: z.string().regex(/^\d{1,9}$/),
  response: z
    .object({ status_code: z.int(), body: z.record(z.string(), z.unknown()) })
    .nullish()
    .catch(undefined),
});

/** Reads a file of results, with one line of it in memory. Those that can't be read, or are not ours, are undefined. */
export async function* readResults(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Result | undefined> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  function finish(): Result | undefined {
    const result = bytes > MAX_RESULT_BYTES ? undefined : readResult(Buffer.concat(pieces).toString("utf8"));
    pieces = [];
    bytes = 0;
    return result;
  }
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline < 0 ? chunk.byteLength : newline;
      bytes += end - at;
      if (bytes > MAX_RESULT_BYTES) pieces = [];
      else pieces.push(chunk.subarray(at, end));
      at = end + 1;
      if (newline >= 0) yield finish();
    }
  }
  if (bytes > 0) yield finish();
}

function readResult(text: string): Result | undefined {
  try {
    const { custom_id: id, response } = resultSchema.parse(JSON.parse(text));
    const line = Number(id);
    if (response == null) return { line, answer: undefined };
    const { status_code: status } = response;
    const isFinal = (status >= 200 && status <= 299) || FINAL_REFUSALS.includes(status);
    // As it is written, since a number may have more digits than ours.
    const body = memberOf(memberOf(text, "response") ?? "", "body");
    return { line, answer: isFinal && body !== undefined ? { status, body } : undefined };
  } catch {
    return undefined;
  }
}

function memberOf(text: string, wanted: string): string | undefined {
  const member = membersOf(text)?.findLast(({ name }) => name === wanted);
  return member && text.slice(member.start, member.end);
}
