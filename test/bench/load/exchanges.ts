import type { Exchange } from "../../../bench/load/post.ts";

/** An exchange that took no time and has no body, but for what is given. */
export function makeExchange(over: Partial<Exchange> = {}): Exchange {
  return { startedMs: 0, endedMs: 0, status: undefined, headers: {}, reads: [], ...over };
}

/** The reads of a stream that brings a text at each moment, and then its end. */
export function streamAt(...momentsMs: readonly number[]): Exchange["reads"] {
  const lastMs = momentsMs.at(-1) ?? 0;
  const texts = momentsMs.map((atMs) => ({ atMs, bytes: frame({ choices: [{ delta: { content: "x" } }] }) }));
  return [...texts, { atMs: lastMs, bytes: Buffer.from("data: [DONE]\n\n") }];
}

/** One event of a stream. */
export function frame(data: object): Buffer {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}
