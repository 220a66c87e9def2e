import { createBound } from "../../src/queue/bound.ts";
import type { JobHandle } from "../../src/queue/task.ts";
import { chooseTargets, type Route, type TargetState } from "../../src/routing/policy.ts";
import { createSimulatedClock } from "../../src/what-if/clock.ts";
import { type Random, seededRandom } from "../statistics.ts";
import { createSimulatedEngine, SLOTS } from "./engine.ts";

/** Where a request goes: to the local model, unless its policy says otherwise. */
export type SpillPolicy =
  /** By the queue's prediction, through a route. */
  | { readonly type: "predicted"; readonly afterMs: number }
  /** By how many wait. */
  | { readonly type: "count"; readonly waiting: number }
  | { readonly type: "roundRobin" };

export type SpillResult = {
  /** Shares, 0 to 1: first tokens within the deadline, and requests that the upstream answered. */
  readonly inTime: number;
  readonly spilled: number;
  /** The mean price of a request, where a million tokens cost 1. */
  readonly costMicros: number;
};

/** What is sent: mean lengths in tokens. Lengths are drawn, most of them far below the mean. */
export type SpillMix = { readonly promptTokens: number; readonly outputTokens: number };

export const DEADLINE_MS = 1_500;
/** Of the upstream, until its first token. */
const UPSTREAM_MS = 800;
const LOAD = 2;
const WARM_UP_SHARE = 0.2;
const CHARS_PER_TOKEN = 4;
const CAN = {
  text: true,
  embeddings: false,
  reranking: false,
  tools: true,
  schemas: true,
  logprobs: true,
  images: true,
};

type Size = { readonly promptTokens: number; readonly outputTokens: number; readonly maxTokens: number };

/** One local model with its real queue, sent twice what it can do, and an upstream that takes as much as comes. */
export function simulateSpill(policy: SpillPolicy, mix: SpillMix, requests: number, seed: number): SpillResult {
  // All policies are sent the same requests at the same times.
  const [random, arrivals] = [seededRandom(seed), seededRandom(seed + 1_000)];
  const clock = createSimulatedClock();
  const bound = createBound({ maxRequests: 1e6, maxTokens: 1e9, random });
  const { queue, serviceMs } = createSimulatedEngine(clock, random, bound, 1e9);
  const route: Route = {
    name: "chat",
    targets: [
      { model: "local", ...(policy.type === "predicted" && { spill: { after: policy.afterMs } }) },
      { model: "upstream" },
    ],
  };
  const upstream: TargetState = {
    ...{ id: "upstream", isLocal: false, can: CAN, state: "ready", contextTokens: undefined },
    firstTokenMs: UPSTREAM_MS,
  };
  const tally = { sent: 0, inTime: 0, spilled: 0, tokens: 0 };
  const gapMs = meanServiceMs(mix, serviceMs) / SLOTS / LOAD;
  const endMs = requests * gapMs;
  const fromMs = WARM_UP_SHARE * endMs;
  let turn = 0;

  function note(sentMs: number): void {
    if (sentMs < fromMs) return;
    tally.sent += 1;
    if (clock.now() - sentMs <= DEADLINE_MS) tally.inTime += 1;
  }

  function goesAway({ promptTokens, maxTokens }: Size): boolean {
    if (policy.type === "roundRobin") return turn++ % 2 === 1;
    if (policy.type === "count") return queue.counts.waiting > policy.waiting;
    const order = { tenant: "one", size: sizeOf(promptTokens), choices: 1, maxTokens, priority: "default" } as const;
    const local: TargetState = { ...upstream, id: "local", isLocal: true, firstTokenMs: queue.predictMs(order) };
    const { candidates } = chooseTargets(route, {
      ...{ nowMs: 0, task: "text", class: "default", isLocalOnly: false, key: [], usedShare: undefined },
      ...{ preset: undefined, needs: [], promptTokens, answerTokens: maxTokens, session: "" },
      targets: [local, upstream],
    });
    return candidates[0]?.target === "upstream";
  }

  function send(): void {
    const size = sizeOfRequest(mix, arrivals);
    const sentMs = clock.now();
    if (goesAway(size)) {
      if (sentMs >= fromMs) {
        tally.spilled += 1;
        tally.tokens += size.promptTokens + size.outputTokens;
      }
      clock.after(UPSTREAM_MS * (0.8 + 0.4 * random()), () => note(sentMs));
      return;
    }
    const { promptTokens, outputTokens, maxTokens } = size;
    const stay: JobHandle = queue.arrive({
      ...{ tenant: "one", size: sizeOf(promptTokens), choices: 1, maxTokens, priority: "default" as const },
      ...{ isFirst: false, maxWaitMs: 1e9, onWait: () => {}, onRefused: () => {} },
      // The engine begins in an event of its own, as it would in another process.
      onTurn: () => void clock.after(0, serve),
    });
    function serve(): void {
      const { firstMs, wholeMs } = serviceMs(promptTokens, outputTokens, queue.counts.sequences);
      const perTokenMs = (wholeMs - firstMs) / outputTokens;
      clock.after(firstMs + perTokenMs, () => {
        stay.started({ promptTokens, cachedTokens: 0 });
        stay.text(undefined);
        note(sentMs);
      });
      clock.after(wholeMs, () => {
        stay.text(perTokenMs);
        stay.choiceEnded(outputTokens);
        stay.leave();
      });
    }
  }

  function offer(): void {
    send();
    clock.after(-gapMs * Math.log(1 - arrivals()), offer);
  }
  clock.after(0, offer);
  clock.runUntil(endMs);
  return {
    inTime: tally.inTime / tally.sent,
    spilled: tally.spilled / tally.sent,
    costMicros: tally.tokens / tally.sent,
  };
}

function sizeOf(promptTokens: number): { readonly type: "characters"; readonly count: number } {
  return { type: "characters", count: promptTokens * CHARS_PER_TOKEN };
}

/** A request asks for as many tokens as it may get, which is up to four times what it does get. */
function sizeOfRequest({ promptTokens, outputTokens }: SpillMix, random: Random): Size {
  // Its mean is 1, and half of the values are below 0.37.
  const heavyTailed = () => Math.exp(Math.sqrt(2) * gaussian(random) - 1);
  const answered = 1 + Math.min(8_191, Math.floor(outputTokens * heavyTailed()));
  return {
    promptTokens: 1 + Math.min(32_767, Math.floor(promptTokens * heavyTailed())),
    outputTokens: answered,
    maxTokens: Math.ceil(answered * (1 + 3 * random())),
  };
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function meanServiceMs(mix: SpillMix, serviceMs: ReturnType<typeof createSimulatedEngine>["serviceMs"]): number {
  const random = seededRandom(1);
  const count = 10_000;
  let sum = 0;
  for (let index = 0; index < count; index++) {
    const { promptTokens, outputTokens } = sizeOfRequest(mix, random);
    sum += serviceMs(promptTokens, outputTokens, SLOTS).wholeMs;
  }
  return sum / count;
}

/** CPU in µs for one decision of a route with `count` targets, half of them with weights, one with hours, all with prices. */
export function measureChoice(count: number, rounds: number): number {
  const targets = Array.from({ length: count }, (_, index) => ({
    model: `model ${index}`,
    ...(index % 2 === 0 ? { weight: 1 + index } : { spill: { after: 1_000 } }),
    ...(index === 1 && { when: { hours: "08:00-18:00", zone: "Europe/Berlin" } }),
  }));
  const states = targets.map(
    ({ model }): TargetState => ({
      ...{ id: model, isLocal: true, can: CAN, state: "ready", contextTokens: 4_096, firstTokenMs: 500, cost: 0.001 },
    }),
  );
  const route = { name: "chat", targets };
  const before = process.threadCpuUsage();
  for (let round = 0; round < rounds; round++) {
    chooseTargets(route, {
      ...{ nowMs: 1_000 * round, task: "text", class: "default", isLocalOnly: false, key: [], usedShare: undefined },
      ...{ preset: undefined, needs: ["tools"], promptTokens: 500, answerTokens: 256, session: String(round) },
      targets: states,
    });
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / rounds;
}
