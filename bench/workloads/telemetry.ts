import { answerText } from "../load/answer-text.ts";
import { type Question, runClosedLoop } from "../load/closed-loop.ts";
import { outputRate } from "../load/timing.ts";
import { startWatched, type Watched } from "../peers/watched.ts";
import { writePrompts } from "./cache/prompts.ts";
import { CHAT_PATH, openSession, type Session } from "./session.ts";
import type { Bench, Contestant, Entry, Workload } from "./workload.ts";

const STREAMS = 8;
const CONNECTIONS = 32;
/** Short, so that both take turns often: what else the machine does changes within seconds. */
const LOOP_MS = 1_000;
const WARM_UP_MS = 3_000;

/** What it costs to be watched. */
export const telemetry: Workload = {
  name: "telemetry",
  title:
    "Two gateways of the same code, one with its metrics, its last requests and its traces on, the other without: eight streams at once of the local model, " +
    "hits of the cache over 32 connections, and whole answers of a mock that are passed on over 32 connections.",
  notes: [
    "Metrics are read each second, and a sink on the same machine takes all traces, which it throws away; both have a part of the same processors",
    "Every hit is a 200 with the text that was generated first, and no answer but those of the mock came from anywhere else",
  ],
  needsPeer: false,
  quickOnlyNamed: true,
  rounds: { full: 9, quick: 5 },
  entries(bench) {
    const entry = (name: Entry["name"], isOn: boolean): Entry => ({
      name,
      open: async () => openWatched(await startWatched(bench.shared, STREAMS, isOn, bench.signal), bench),
    });
    return [entry("sluice", true), entry("sluice, unwatched", false)];
  },
};

async function openWatched(watched: Watched, bench: Bench): Promise<Contestant> {
  try {
    return contestant(watched, await openSession(watched.server, bench, telemetry.name), bench);
  } catch (error) {
    await watched.stop();
    throw error;
  }
}

function contestant(watched: Watched, session: Session, bench: Bench): Contestant {
  const { shared, lexicon, endTokens, runSeed, quick, signal } = bench;
  const url = new URL(CHAT_PATH, watched.server.url);
  const { whole } = writePrompts({ model: shared.modelId, lexicon, endTokens, seed: runSeed, mixedCount: 0 });
  const passed = Buffer.from(
    JSON.stringify({
      model: watched.passedModel,
      messages: [{ role: "user", content: "Tell me of a river." }],
      max_tokens: 100,
    }),
  );
  let questions: { readonly hit: Question; readonly passed: Question } | undefined;

  async function ask(body: Buffer): Promise<Question> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: new Uint8Array(body), signal });
    const answer = await response.text();
    const text = answerText(answer);
    if (response.status === 200 && text !== "") return { body, text };
    throw new Error(`${url} answered ${response.status}: ${answer.slice(0, 2_000)}`);
  }

  const loop = (question: Question, durationMs: number) =>
    runClosedLoop({ url, questions: [question], connections: CONNECTIONS, durationMs, signal });

  async function batch(round: number): Promise<number> {
    const writer = session.writer(round);
    const requests = Array.from({ length: STREAMS }, () => session.prompt(writer, 76, quick ? 32 : 128));
    return outputRate(await Promise.all(requests.map((request) => session.chat(request))));
  }

  return {
    async warmUp() {
      questions = { hit: await ask(whole), passed: await ask(passed) };
      await loop(questions.hit, WARM_UP_MS);
      await loop(questions.passed, WARM_UP_MS);
      await batch(-1);
    },
    async measure(round) {
      if (questions === undefined) throw new Error("there was no warm-up");
      const outputTokensPerSecond = await batch(round);
      const before = await watched.misses();
      const hits = await loop(questions.hit, LOOP_MS);
      if ((await watched.misses()) !== before) throw new Error("not all answers were hits");
      const proxied = await loop(questions.passed, LOOP_MS);
      return {
        figures: {
          outputTokensPerSecond,
          hitsPerSecond: hits.perSecond,
          proxiedPerSecond: proxied.perSecond,
        },
      };
    },
    async close() {
      const { metrics, traces } = watched.told();
      bench.say(`read ${metrics} bytes of metrics, and ${traces} of traces`);
      await watched.stop();
      return {};
    },
  };
}
