import type { Measurement } from "../../figures.ts";
import { answerText } from "../../load/answer-text.ts";
import { type LoopResult, type Question, runClosedLoop } from "../../load/closed-loop.ts";
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
  let whole: readonly Question[] = [];
  let mixed: readonly Question[] = [];
  let streamed: readonly Question[] = [];

  /** Resolves with the answer's text. */
  async function ask(body: Buffer): Promise<string> {
    const headers = { ...server.headers, "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: new Uint8Array(body), signal });
    const answer = await response.text();
    const text = answerText(answer);
    if (response.status !== 200 || text === "") {
      throw new Error(`${url} answered ${response.status}, and no text: ${answer.slice(0, 2_000)}`);
    }
    return text;
  }

  /** Asks until the answer comes from the cache: its text is what every hit must have. */
  async function fill(body: Buffer): Promise<Question> {
    for (let tries = 0; tries < FILL_TRIES; tries++) {
      const before = await server.misses();
      const text = await ask(body);
      if ((await server.misses()) === before) return { body, text };
    }
    throw new Error(`${url} answers nothing from its cache`);
  }

  async function fillAll(bodies: readonly Buffer[]): Promise<readonly Question[]> {
    const questions: Question[] = [];
    for (const body of bodies) questions.push(await fill(body));
    return questions;
  }

  function loop(questions: readonly Question[], ms: number, connections: number = CONNECTIONS): Promise<LoopResult> {
    return runClosedLoop({ url, questions, headers: server.headers, connections, durationMs: ms, signal });
  }

  /** Throws where the answers were not from the cache. */
  async function hits(questions: readonly Question[], ms: number, connections?: number): Promise<LoopResult> {
    const before = await server.misses();
    const result = await loop(questions, ms, connections);
    const misses = (await server.misses()) - before;
    if (misses > MISSES * result.latenciesMs.length) {
      throw new Error(`${misses} of ${result.latenciesMs.length} answers of ${url} were no hits`);
    }
    return result;
  }

  return {
    async warmUp() {
      whole = await fillAll([prompts.whole]);
      streamed = server.takesStreams ? await fillAll([prompts.streamed]) : [];
      mixed = await fillAll(prompts.mixed);
      for (const questions of [whole, streamed]) if (questions.length > 0) await loop(questions, warmUpMs);
    },
    async measure() {
      const crowd = await hits(whole, durationMs);
      const alone = await hits(whole, durationMs / 2, 1);
      const turns = await hits(mixed, durationMs / 2);
      const streams = streamed.length > 0 ? await hits(streamed, durationMs) : undefined;
      return {
        figures: {
          hitsPerSecond: crowd.perSecond,
          hitP50Ms: quantile(crowd.latenciesMs, 0.5),
          hitP99Ms: quantile(crowd.latenciesMs, 0.99),
          aloneHitP50Ms: quantile(alone.latenciesMs, 0.5),
          aloneHitP99Ms: quantile(alone.latenciesMs, 0.99),
          mixedHitsPerSecond: turns.perSecond,
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
