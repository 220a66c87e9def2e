import { OverloadedError } from "../../src/generation/errors.ts";
import type { Priority } from "../../src/generation/terms.ts";
import type { Admitted } from "../../src/queue/admission.ts";
import { createBound } from "../../src/queue/bound.ts";
import type { Demand } from "../../src/queue/price.ts";
import type { JobHandle } from "../../src/queue/task.ts";
import { createSimulatedClock } from "../../src/what-if/clock.ts";
import { seededRandom } from "../statistics.ts";
import { createSimulatedEngine, type SimulatedEngine, SLOTS } from "./engine.ts";

export type LoadOptions = {
  readonly engines: number;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  readonly seed: number;
};

export type LoadResult = {
  /** From when it was sent, also where it was sent away once, until its turn; by kind of tenant, in ms. */
  readonly waitsMs: { readonly polite: readonly number[]; readonly greedy: readonly number[] };
  /** Shares, 0 to 1. */
  readonly politeAdmitted: number;
  readonly returnedAdmitted: number;
  readonly slotsBusy: number;
  /** CPU of the whole simulation, for each decision of the queue: arrivals at the gate and in the queue, ends. */
  readonly decisionUs: number;
  readonly decisions: number;
};

/** The tenants of an engine: one with most of the work, and many with the rest. */
const GREEDY_SHARE = 0.75;
const POLITE_TENANTS = 20;
const MAX_WAIT_MS = 2_000;
/** When measuring starts; before, queues fill and speeds are learned. */
const WARM_UP_SHARE = 0.3;
const CHARS_PER_TOKEN = 4;

type Sent = {
  readonly order: Demand & { readonly mark: string };
  readonly priority: Priority;
  readonly isGreedy: boolean;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** How often it has been sent away. */
  tries: number;
};

/** Overloads the queues of many engines. Refused clients try again once, at the time that they were told. */
export function simulateLoad({ engines: count, requestsPerSecond, seconds, seed }: LoadOptions): LoadResult {
  const random = seededRandom(seed);
  const clock = createSimulatedClock();
  const total = createBound({ maxRequests: 100_000, maxTokens: 1_000_000_000, random });
  const engines = Array.from({ length: count }, () => createSimulatedEngine(clock, random, total, MAX_WAIT_MS));
  const endMs = seconds * 1_000;
  const fromMs = WARM_UP_SHARE * endMs;
  const waitsMs = { polite: [] as number[], greedy: [] as number[] };
  const tally = { polite: 0, politeAdmitted: 0, returned: 0, returnedAdmitted: 0, busyMs: 0, decisions: 0 };
  function counted<T>(decide: () => T): T {
    tally.decisions += 1;
    return decide();
  }

  function exponential(mean: number): number {
    return -mean * Math.log(1 - random());
  }

  let marks = 0;
  function make(): Sent {
    const isGreedy = random() < GREEDY_SHARE;
    const promptTokens = 20 + Math.floor(exponential(100));
    const tenant = isGreedy ? "greedy" : `polite ${Math.floor(random() * POLITE_TENANTS)}`;
    return {
      order: {
        tenant,
        mark: String(marks++),
        size: { type: "characters", count: promptTokens * CHARS_PER_TOKEN },
        choices: 1,
        maxTokens: 512,
      },
      priority: random() < 0.2 ? (isGreedy ? "batch" : "interactive") : "default",
      isGreedy,
      promptTokens,
      outputTokens: 1 + Math.min(511, Math.floor(exponential(40))),
      tries: 0,
    };
  }

  function send(engine: SimulatedEngine, sent: Sent): void {
    const counts = clock.now() >= fromMs;
    const isReturning = sent.tries > 0;
    if (counts && isReturning) tally.returned += 1;
    if (counts && !isReturning && !sent.isGreedy) tally.polite += 1;
    let room: Admitted;
    try {
      room = counted(() => engine.admission.enter(sent.order, sent));
    } catch (error) {
      if (!(error instanceof OverloadedError)) throw error;
      sent.tries += 1;
      if (sent.tries === 1) clock.after(error.retryAfterMs, () => send(engine, sent));
      return;
    }
    if (counts && isReturning) tally.returnedAdmitted += 1;
    if (counts && !isReturning && !sent.isGreedy) tally.politeAdmitted += 1;
    wait(engine, sent, room);
  }

  function wait(engine: SimulatedEngine, sent: Sent, { isReturning, leave: release }: Admitted): void {
    const sentMs = clock.now();
    const stay: JobHandle = counted(() =>
      engine.queue.arrive({
        ...sent.order,
        priority: sent.priority,
        isFirst: isReturning,
        maxWaitMs: 2 * MAX_WAIT_MS,
        onWait: () => {},
        // The engine begins in an event of its own, as it would in another process.
        onTurn: () => void clock.after(0, () => run(engine, sent, stay, release)),
        onRefused: release,
      }),
    );
    function run(of: SimulatedEngine, { isGreedy }: Sent, own: JobHandle, done: () => void): void {
      const waitedMs = clock.now() - sentMs;
      if (clock.now() >= fromMs) (isGreedy ? waitsMs.greedy : waitsMs.polite).push(waitedMs);
      serve(of, sent, own, done);
    }
  }

  function serve(engine: SimulatedEngine, sent: Sent, stay: JobHandle, release: () => void): void {
    const { promptTokens, outputTokens } = sent;
    const { sequences } = engine.queue.counts;
    const { firstMs, wholeMs } = engine.serviceMs(promptTokens, outputTokens, sequences);
    const perTokenMs = (wholeMs - firstMs) / outputTokens;
    const beganMs = clock.now();
    clock.after(firstMs + perTokenMs, () => {
      stay.started({ promptTokens, cachedTokens: 0 });
      stay.text(undefined);
    });
    // The texts in between are told at once: the queue takes a timestamp of each and no decision.
    clock.after(wholeMs, () => {
      stay.text(perTokenMs);
      counted(() => stay.choiceEnded(outputTokens));
      counted(release);
      tally.busyMs += Math.max(0, clock.now() - Math.max(beganMs, fromMs));
    });
  }

  function offer(): void {
    const engine = engines[Math.floor(random() * engines.length)];
    if (engine !== undefined) send(engine, make());
    clock.after(exponential(1_000 / requestsPerSecond), offer);
  }
  const before = process.threadCpuUsage();
  clock.after(0, offer);
  clock.runUntil(endMs);
  const { user, system } = process.threadCpuUsage(before);
  return {
    waitsMs,
    politeAdmitted: tally.politeAdmitted / tally.polite,
    returnedAdmitted: tally.returnedAdmitted / tally.returned,
    slotsBusy: tally.busyMs / (count * SLOTS * (endMs - fromMs)),
    decisionUs: (user + system) / tally.decisions,
    decisions: tally.decisions,
  };
}
