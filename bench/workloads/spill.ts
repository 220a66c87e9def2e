import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { poissonMs } from "../load/arrivals.ts";
import { runOpenLoop } from "../load/open-loop.ts";
import { outcomeOf } from "../load/outcome.ts";
import { type Exchange, post } from "../load/post.ts";
import { seedOf } from "../load/text.ts";
import { startScript } from "../peers/caching.ts";
import { startServer } from "../peers/server.ts";
import { sluiceLauncher } from "../peers/sluice.ts";
import { seededRandom } from "../statistics.ts";
import { CHAT_PATH, type ChatRequest, openSession, type Session } from "./session.ts";
import type { Bench, Contestant, Workload } from "./workload.ts";

const SLOTS = 4;
const DEADLINE_MS = 1_500;
const PATIENCE_MS = 30_000;
/** The upstream's first token comes so long after a request. */
const UPSTREAM_MS = 800;
const OVERLOAD = 2;
const NEW_TOKENS = 32;
/** Of a chat, and of a document. */
const PROMPT_TOKENS = [60, 600] as const;
const FAR = "far";
/** Of each predicted time after which a route spills, its name. */
const ROUTES = { "after-500": 500, "after-1000": 1_000 } as const;

/** Who chooses between the local model and the upstream. */
type Policy =
  | { readonly type: "route"; readonly name: keyof typeof ROUTES }
  /** The client itself, as gateways do that count requests: the upstream, while more than so many wait for a slot. */
  | { readonly type: "count"; readonly waiting: number }
  | { readonly type: "turns" };

const POLICIES: readonly (readonly [string, Policy])[] = [
  ...[500, 1_000].map(
    (ms) =>
      [
        `predicted first token after ${ms} ms`,
        { type: "route", name: ms === 500 ? "after-500" : "after-1000" },
      ] as const,
  ),
  ...[0, 2, 4].map((waiting) => [`more than ${waiting} waiting`, { type: "count", waiting }] as const),
  ["every second request", { type: "turns" }],
];

/** A local model that is sent twice what it can do, in front of an upstream. */
export const spill: Workload = {
  name: "spill",
  title:
    `The real model with ${SLOTS} slots is sent twice as many streams as it can answer, half of them chats of ${PROMPT_TOKENS[0]} tokens and half documents of ${PROMPT_TOKENS[1]}, ` +
    `${NEW_TOKENS} new tokens each, for 30 s with each policy (12 s in the quick run); what is spilled goes to an upstream whose first token comes after ${UPSTREAM_MS / 1_000} s.`,
  notes: [
    `In time is a first token within ${DEADLINE_MS} ms. The cost is that of 1,000 requests, where a million tokens of the upstream cost 1`,
    "The first two policies are routes of Sluice, with its queue's predictions. Counts and turns are those of the load generator, which names the model itself",
    "Clients come by a Poisson process, the same for each policy, and leave after 30 s",
  ],
  needsPeer: false,
  rounds: { full: 1, quick: 1 },
  quickOnlyNamed: true,
  entries: (bench) => [{ name: "sluice", open: () => open(bench) }],
};

async function open(bench: Bench): Promise<Contestant> {
  const { shared, signal } = bench;
  const upstream = await startScript("mock-upstream.ts", shared, signal, [String(UPSTREAM_MS)]);
  const configFile = shared.logFile("spill.yaml");
  const targets = (after: number) => [{ model: shared.modelId, spill: `${after}ms` }, { model: FAR }];
  writeFileSync(
    configFile,
    stringify({
      upstreams: { mock: { baseUrl: upstream.url, models: { [FAR]: "theirs" }, maxConcurrent: 1_000 } },
      routes: Object.fromEntries(Object.entries(ROUTES).map(([name, after]) => [name, targets(after)])),
    }),
  );
  const launcher = sluiceLauncher(
    shared,
    { slots: SLOTS, contextTokens: 1_024 },
    { env: { SLUICE_CONFIG: configFile } },
  );
  const server = await startServer(launcher, signal).catch(async (error: unknown) => {
    await upstream.stop();
    throw error;
  });
  const session = await openSession(server, bench, "spill");
  let perSecond = 0;
  return {
    async warmUp() {
      for (let count = 0; count < 4; count++) await session.chat(requestOf(session, -1, count));
      perSecond = await capacityOf(session, bench.quick ? 8_000 : 15_000);
    },
    async measure(round) {
      const rows = [];
      for (const [name, policy] of POLICIES) {
        bench.say(name);
        const { inTime, spilled, cost } = await run(session, policy, { perSecond: OVERLOAD * perSecond, round, bench });
        rows.push({ name, policy, inTime, spilled, cost });
      }
      const [first] = rows;
      return {
        figures: {
          capacityPerSecond: perSecond,
          ...(first && { spilledInTime: first.inTime, spilledShare: first.spilled }),
        },
        details: {
          head: ["spilled by", "in time, %", "spilled, %", "cost"],
          rows: rows.map(({ name, inTime, spilled, cost }) => [
            name,
            inTime.toFixed(1),
            spilled.toFixed(1),
            cost.toFixed(2),
          ]),
        },
      };
    },
    async close() {
      await server.stop();
      await upstream.stop();
      return {};
    },
  };
}

function requestOf(session: Session, round: number, index: number): ChatRequest {
  return session.prompt(session.writer(round, `${index}`), promptTokensOf(index), NEW_TOKENS);
}

/** Answers a second with a request in every slot and none that waits. */
async function capacityOf(session: Session, durationMs: number): Promise<number> {
  const fromMs = performance.now();
  let sent = 0;
  let lastMs = fromMs;
  const keepBusy = async () => {
    while (performance.now() < fromMs + durationMs) {
      await session.chat(requestOf(session, -2, sent++));
      lastMs = performance.now();
    }
  };
  await Promise.all(Array.from({ length: SLOTS }, keepBusy));
  return (1_000 * sent) / (lastMs - fromMs);
}

type RunOptions = { readonly perSecond: number; readonly round: number; readonly bench: Bench };

async function run(session: Session, policy: Policy, { perSecond, round, bench }: RunOptions) {
  const { runSeed, quick, shared, signal } = bench;
  const url = new URL(CHAT_PATH, session.server.url);
  // The same clients for each policy, with prompts that no earlier one has had.
  const random = seededRandom(runSeed + round);
  const plan = poissonMs(random, perSecond, quick ? 12_000 : 30_000).map((atMs) => ({ atMs, kind: "greedy" as const }));
  const salt = `${policy.type}${"waiting" in policy ? policy.waiting : ""}${"name" in policy ? policy.name : ""}`;
  let open = 0;

  function modelFor(index: number): string {
    if (policy.type === "route") return policy.name;
    const isSpilled = policy.type === "turns" ? index % 2 === 1 : open >= SLOTS + policy.waiting;
    return isSpilled ? FAR : shared.modelId;
  }

  async function ask(index: number, patience: AbortSignal): Promise<Exchange> {
    const model = modelFor(index);
    const promptTokens = promptTokensOf(index);
    const request = session.prompt(session.writer(round, `${salt}/${index}`), promptTokens, NEW_TOKENS);
    const payload = Buffer.from(JSON.stringify({ ...session.body(request), model }));
    const isLocal = model === shared.modelId;
    if (isLocal) open += 1;
    try {
      return await post(url, payload, { signal: patience });
    } finally {
      if (isLocal) open -= 1;
    }
  }

  const visits = await runOpenLoop(plan, {
    ask: (_, index, patience) => ask(index, patience),
    ...{ patienceMs: PATIENCE_MS, leastLeftMs: PATIENCE_MS, signal },
  });
  const outcomes = visits.map(outcomeOf);
  const broken = outcomes.filter(({ end }) => end === "failed").length;
  if (broken > 0) throw new Error(`${broken} of ${outcomes.length} requests failed`);
  const inTime = outcomes.filter(({ ttftMs = Number.POSITIVE_INFINITY }) => ttftMs <= DEADLINE_MS).length;
  const spilled = visits.flatMap(({ first }, index) => (isFar(first) ? [promptTokensOf(index) + NEW_TOKENS] : []));
  return {
    inTime: (100 * inTime) / visits.length,
    spilled: (100 * spilled.length) / visits.length,
    cost: spilled.reduce((sum, tokens) => sum + tokens, 0) / visits.length / 1_000,
  };
}

/** Chats and documents in no order that a policy could fit by chance. */
function promptTokensOf(index: number): number {
  const [chat, document] = PROMPT_TOKENS;
  return seededRandom(seedOf(`size/${index}`))() < 0.5 ? chat : document;
}

/** Whether the upstream gave the answer. */
function isFar({ reads }: Exchange): boolean {
  return reads.some(({ bytes }) => Buffer.from(bytes).includes(`"model":"${FAR}"`));
}
