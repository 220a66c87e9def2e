import { readFile } from "node:fs/promises";
import { answerText } from "../load/answer-text.ts";
import { type LoopResult, type Question, runClosedLoop } from "../load/closed-loop.ts";
import { openStreams } from "../load/open-streams.ts";
import { type CachingServer, liteLlmStarter, portkeyStarter, type Start } from "../peers/caching.ts";
import { startDirect, startSluiceProxy } from "../peers/proxying.ts";
import { quantile } from "../statistics.ts";
import type { Bench, Contestant, Entry, Workload } from "./workload.ts";

const CONNECTIONS = 32;
const CHAT_PATH = "/v1/chat/completions";
const OPEN_STREAMS = 10_000;
/** File descriptors that a gateway has beside the two of each stream. */
const OTHER_DESCRIPTORS = 100;
/** Each has a token this often while all are open. */
const OPEN_PACE_MS = 20_000;
const FIRST_TOKEN = "river";

/** A gateway in front of a mock of a model that answers at once. */
export const proxy: Workload = {
  name: "proxy",
  title:
    "A chat request that a mock of a model on the same machine answers at once with 100 tokens, passed on by a gateway: whole and streamed over 32 connections, one after another, and 10,000 streams that stay open, or as many as the system gives a process file descriptors for.",
  notes: [
    "The load generator and the mock have a part of the same processors. Direct is the mock without a gateway",
    "Sluice runs as a user starts it, with its access log on and its cache off for answers of others, as is the default",
    "Every answer is a 200 with the mock's text; any other ends the run. All of them came from the mock, by its count",
    "Portkey's published package answers streams with an error in Node 24, so its streams aren't measured",
    "The first token is that of streams with 2 ms between two tokens",
  ],
  needsPeer: false,
  needsGateways: true,
  quickOnlyNamed: true,
  entries(bench) {
    const { gateways } = bench;
    const entry = (name: Entry["name"], start: Start): Entry => ({
      name,
      open: async () => contestant(await start(bench.shared, bench.signal), bench),
    });
    return [
      {
        name: "sluice",
        open: async () => {
          const server = await startSluiceProxy(bench.shared, bench.signal);
          return { ...contestant(server, bench), close: () => closeWithStreams(server, bench) };
        },
      },
      entry("direct", startDirect),
      ...(gateways.portkeyProxy === undefined ? [] : [entry("Portkey", portkeyStarter(gateways.portkeyProxy, false))]),
      ...(gateways.liteLlm === undefined ? [] : [entry("LiteLLM", liteLlmStarter(gateways.liteLlm, false))]),
    ];
  },
};

function bodyFor({ shared }: Bench, content: string, more: object): Buffer {
  const messages = [
    { role: "system", content: "You are a helpful assistant." },
    { role: "user", content },
  ];
  return Buffer.from(JSON.stringify({ model: shared.modelId, messages, max_tokens: 100, ...more }));
}

function contestant(server: CachingServer, bench: Bench): Contestant {
  const { quick, signal } = bench;
  const url = new URL(CHAT_PATH, server.url);
  const durationMs = quick ? 1_500 : 4_000;
  let whole: Question | undefined;
  let streamed: Question | undefined;
  let paced: Question | undefined;

  async function ask(body: Buffer): Promise<Question> {
    const headers = { ...server.headers, "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: new Uint8Array(body), signal });
    const answer = await response.text();
    const text = answerText(answer);
    if (response.status === 200 && text.includes(FIRST_TOKEN)) return { body, text };
    throw new Error(`${url} answered ${response.status}: ${answer.slice(0, 2_000)}`);
  }

  /** Throws where answers did not come from the mock. */
  async function loop(question: Question | undefined, ms: number, connections: number): Promise<LoopResult> {
    if (question === undefined) throw new Error("there was no warm-up");
    const before = await server.misses();
    const shared = { url, headers: server.headers, firstMark: FIRST_TOKEN, signal };
    const result = await runClosedLoop({ ...shared, questions: [question], connections, durationMs: ms });
    const passedOn = (await server.misses()) - before;
    if (passedOn >= result.latenciesMs.length) return result;
    throw new Error(`${url} gave ${result.latenciesMs.length} answers, of which ${passedOn} were passed on`);
  }

  return {
    async warmUp() {
      whole = await ask(bodyFor(bench, "Tell me of a river.", {}));
      await loop(whole, 2 * durationMs, CONNECTIONS);
      if (!server.takesStreams) return;
      streamed = await ask(bodyFor(bench, "Tell me of a river.", { stream: true }));
      paced = await ask(bodyFor(bench, "pace=2", { stream: true, max_tokens: 4 }));
      for (const question of [streamed, paced]) await loop(question, durationMs, CONNECTIONS);
    },
    async measure() {
      const crowd = await loop(whole, durationMs, CONNECTIONS);
      const alone = await loop(whole, durationMs / 2, 1);
      const streams = server.takesStreams ? await loop(streamed, durationMs, CONNECTIONS) : undefined;
      const first = server.takesStreams ? await loop(paced, durationMs / 2, 1) : undefined;
      return {
        figures: {
          proxiedPerSecond: crowd.perSecond,
          proxiedP50Ms: quantile(alone.latenciesMs, 0.5),
          proxiedP99Ms: quantile(alone.latenciesMs, 0.99),
          ...(streams && { streamsPerSecond: streams.perSecond }),
          ...(first && {
            firstTokenP50Ms: quantile(first.firstMs, 0.5),
            firstTokenP99Ms: quantile(first.firstMs, 0.99),
          }),
        },
      };
    },
    async close() {
      await server.stop();
      return {};
    },
  };
}

/** How many files and connections a process may have open. */
async function descriptorLimit(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** Opens many streams at last, since nothing gives back the memory that they took. */
async function closeWithStreams(server: CachingServer, bench: Bench) {
  try {
    if (bench.signal.aborted) return {};
    const beforeMb = (await server.rssMb()) ?? Number.NaN;
    const count = Math.min(OPEN_STREAMS, Math.floor(((await descriptorLimit()) - OTHER_DESCRIPTORS) / 2));
    const body = bodyFor(bench, `pace=${OPEN_PACE_MS}`, { stream: true, max_tokens: 2 });
    const { opened, atOpen } = await openStreams({
      ...{ url: new URL(CHAT_PATH, server.url), body, count, firstMark: FIRST_TOKEN, signal: bench.signal },
      atOpen: server.rssMb,
    });
    return { openStreams: opened, openStreamKb: (1_000 * ((atOpen ?? Number.NaN) - beforeMb)) / opened };
  } finally {
    await server.stop();
  }
}
