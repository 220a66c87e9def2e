import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createWriter } from "../load/text.ts";
import { sleep, startServer } from "../peers/server.ts";
import { sluiceLauncher } from "../peers/sluice.ts";
import { quantile } from "../statistics.ts";
import { type ChatRequest, openSession, type Session } from "./session.ts";
import type { Bench, Contestant, RoundResult, Workload } from "./workload.ts";

const SERVERS = { slots: 4, contextTokens: 4096 };
const PROMPT_TOKENS = 76;
const NEW_TOKENS = 8;
/** V8 needs some hundred requests until it has optimized the code, which is a third of the time at first. */
const WARM_UP_REQUESTS = 400;
/** A character has at most four tokens: any fewer may be a part of one, which is no text yet. Drawn at random, that happens. */
const WARM_UP_TOKENS = 4;
/** About as long as the engine takes for a request, so that idle processors and cold caches cost every server the same. */
const PAUSE_MS = 100;
const NOTE_POLL_MS = 20;
const NOTE_TRIES = 100;

/** The time between client and engine: HTTP, validation, queue, the channel to the engine's process, encoding. */
export const overhead: Workload = {
  name: "overhead",
  title:
    "200 short streamed requests one after the other (50 in the quick run): what the client waited in all, less the engine's own time " +
    "from taking the request off the pipe to sending its last token.",
  notes: [
    "Everything outside the engine's process counts as added, the load generator's own HTTP client too. The bare server answers at once and " +
      "does nothing else: what it adds is HTTP in Node itself at the same pace, and with two processes also a message there and back.",
  ],
  needsPeer: false,
  entries: (bench) => [
    { name: "sluice", open: () => openSluice(bench) },
    { name: "bare node:http", open: () => openBare(bench, []) },
    { name: "bare, two processes", open: () => openBare(bench, ["--two-processes"]) },
  ],
};

async function openSluice(bench: Bench): Promise<Contestant> {
  const probeFile = bench.shared.logFile("overhead");
  rmSync(probeFile, { force: true });
  const probe = new URL("../peers/worker-probe.ts", import.meta.url).href;
  const env = {
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --import ${probe}`.trim(),
    BENCH_PROBE_FILE: probeFile,
  };
  const server = await startServer(sluiceLauncher(bench.shared, SERVERS, { env }), bench.signal);
  const session = await openSession(server, bench, "overhead").catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  // Drawn at random, the whole prompt may come from the cache, so that the engine's part is short.
  const request = { ...session.prompt(session.writer(0), PROMPT_TOKENS, NEW_TOKENS), temperature: 1 };
  return {
    warmUp: async () =>
      void (await addedMs(session, { ...request, maxTokens: WARM_UP_TOKENS }, probeFile, WARM_UP_REQUESTS)),
    measure: async () => figuresOf(await addedMs(session, request, probeFile, countFor(bench))),
    close: async () => {
      await server.stop();
      return {};
    },
  };
}

async function openBare(bench: Bench, flags: readonly string[]): Promise<Contestant> {
  const entry = fileURLToPath(new URL("../peers/bare-server.ts", import.meta.url));
  const logFile = bench.shared.logFile("bare");
  const command = (port: number) => ({ command: process.execPath, args: [entry, String(port), ...flags], logFile });
  const server = await startServer({ readyPath: "/", command }, bench.signal);
  const body = { messages: [{ role: "user", content: createWriter(bench.lexicon, 1).passage(PROMPT_TOKENS) }] };

  async function ask(count: number, pauseMs: number): Promise<readonly number[]> {
    const waitedMs: number[] = [];
    for (let index = 0; index < count; index++) {
      await sleep(pauseMs, bench.signal);
      const { startedMs, endedMs } = await server.client.stream("/", body, { signal: bench.signal });
      waitedMs.push(endedMs - startedMs);
    }
    return waitedMs;
  }
  return {
    warmUp: async () => void (await ask(WARM_UP_REQUESTS, 0)),
    measure: async () => figuresOf(await ask(countFor(bench), PAUSE_MS)),
    close: async () => {
      await server.stop();
      return {};
    },
  };
}

function countFor({ quick }: Bench): number {
  return quick ? 50 : 200;
}

function figuresOf(added: readonly number[]): RoundResult {
  return { figures: { addedP50Ms: quantile(added, 0.5), addedP99Ms: quantile(added, 0.99) } };
}

/** What the gateway added to each of `count` requests, in ms. */
async function addedMs(
  session: Session,
  request: ChatRequest,
  probeFile: string,
  count: number,
): Promise<readonly number[]> {
  const alreadyThere = readProbe(probeFile).length;
  const waitedMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const { startedMs, endedMs } = await session.chat(request);
    waitedMs.push(endedMs - startedMs);
  }
  // The engine writes its note after it has sent the last token, which may be here before.
  for (let tries = 0; readProbe(probeFile).length < alreadyThere + count && tries < NOTE_TRIES; tries++) {
    await sleep(NOTE_POLL_MS, session.signal);
  }
  const engineMs = readProbe(probeFile).slice(alreadyThere);
  if (engineMs.length !== count) {
    throw new Error(`the probe in the engine saw ${engineMs.length} requests where ${count} were sent`);
  }
  if (engineMs.some(Number.isNaN)) throw new Error("the probe in the engine did not see when a request came");
  return waitedMs.map((ms, index) => ms - (engineMs[index] ?? Number.NaN));
}

/** The engine's time for each finished request, in ms, in the order of their ends, as written by `worker-probe.ts`. */
function readProbe(file: string): readonly number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number);
}
