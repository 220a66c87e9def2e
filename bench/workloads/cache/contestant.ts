import type { Measurement } from "../../figures.ts";
import { type LoopResult, runClosedLoop } from "../../load/closed-loop.ts";
import type { CachingServer } from "../../peers/caching.ts";
import { quantile } from "../../statistics.ts";
import type { Contestant } from "../workload.ts";
import type { Prompts } from "./prompts.ts";

export type HitOptions = {
  readonly prompts: Prompts;
  /** How long one kind of hits is measured. */
  readonly durationMs: number;
  /** V8 has compiled everything, and compiled it again for what it saw, after some ten thousand requests. */
  readonly warmUpMs: number;
  readonly signal: AbortSignal;
  /** What is known after its last round only. */
  readonly closing?: () => Promise<Measurement>;
};

const CONNECTIONS = 32;
const CHAT_PATH = "/v1/chat/completions";
/** LiteLLM stores an answer after it has sent it, so the second time may be too early. */
const FILL_TRIES = 10;
/** Answers that may be no hits, of all: some forget an entry now and then. */
const MISSES = 0.01;

/** A server that is asked for what it has in its cache. */
export function cachingContestant(server: CachingServer, options: HitOptions): Contestant {
  const { prompts, durationMs, warmUpMs, signal, closing = async () => ({}) } = options;
  const url = new URL(CHAT_PATH, server.url);
  const streamed = server.cachesStreams ? [prompts.streamed] : [];

  async function ask(body: Buffer): Promise<void> {
    const headers = { ...server.headers, "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: new Uint8Array(body), signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 2_000)}`);
  }

  /** Asks until the answer comes from the cache. */
  async function fill(body: Buffer): Promise<void> {
    for (let tries = 0; tries < FILL_TRIES; tries++) {
      const before = await server.misses();
      await ask(body);
      if ((await server.misses()) === before) return;
    }
    throw new Error(`${url} answers nothing from its cache`);
  }

  function loop(bodies: readonly Buffer[], ms: number, connections: number = CONNECTIONS): Promise<LoopResult> {
    return runClosedLoop({ url, bodies, headers: server.headers, connections, durationMs: ms, signal });
  }

  /** Throws where the answers were not from the cache. */
  async function hits(bodies: readonly Buffer[], ms: number, connections?: number): Promise<LoopResult> {
    const before = await server.misses();
    const result = await loop(bodies, ms, connections);
    const misses = (await server.misses()) - before;
    if (misses > MISSES * result.latenciesMs.length) {
      throw new Error(`${misses} of ${result.latenciesMs.length} answers of ${url} were no hits`);
    }
    return result;
  }

  return {
    async warmUp() {
      for (const body of [prompts.whole, ...streamed, ...prompts.mixed]) await fill(body);
      for (const bodies of [[prompts.whole], streamed]) if (bodies.length > 0) await loop(bodies, warmUpMs);
    },
    async measure() {
      const whole = await hits([prompts.whole], durationMs);
      const alone = await hits([prompts.whole], durationMs / 2, 1);
      const mixed = await hits(prompts.mixed, durationMs / 2);
      const streams = streamed.length > 0 ? await hits(streamed, durationMs) : undefined;
      return {
        figures: {
          hitsPerSecond: whole.perSecond,
          hitP50Ms: quantile(whole.latenciesMs, 0.5),
          hitP99Ms: quantile(whole.latenciesMs, 0.99),
          aloneHitP50Ms: quantile(alone.latenciesMs, 0.5),
          aloneHitP99Ms: quantile(alone.latenciesMs, 0.99),
          mixedHitsPerSecond: mixed.perSecond,
          ...(streams && {
            streamedHitsPerSecond: streams.perSecond,
            streamedHitP50Ms: quantile(streams.latenciesMs, 0.5),
          }),
        },
      };
    },
    async close() {
      await server.stop();
      return closing();
    },
  };
}
