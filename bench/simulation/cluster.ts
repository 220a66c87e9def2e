import { chooseTargets, type Route, type Situation, type TargetState } from "../../src/routing/policy.ts";
import { createSimulatedClock } from "../../src/what-if/clock.ts";
import { quantile, type Random, seededRandom } from "../statistics.ts";

/** How a gateway knows how busy an engine is. */
export type Knowledge =
  /** By what each answer told, and its own requests since. */
  | "reports"
  /** By its own requests alone. */
  | "own"
  /** It always knows. */
  | "exact"
  /** It doesn't ask: each session has its engine. */
  | "none"
  /** Neither that nor sessions: any engine. */
  | "random";

export type ClusterSize = {
  readonly gateways: number;
  readonly engines: number;
  readonly requests: number;
  readonly sessions: number;
};

export type ClusterResult = {
  /** To the first token, in ms. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** The same of requests that came while engines were down. */
  readonly downP99Ms: number;
  /** Requests whose prefix was held by the engine that answered. */
  readonly hitShare: number;
  /** The requests of the busiest engine ÷ those of the average one. */
  readonly imbalance: number;
  /** Requests that were sent to an engine that was down, and then to another. */
  readonly retriedShare: number;
  readonly failed: number;
};

const SLOTS = 2;
/** Sessions whose prefixes an engine holds. */
const HELD = 64;
const HIT_MS = 40;
const MISS_MS = 600;
const DECODE_MS = 500;
/** A million requests a minute for 10,000 engines: each is sent so many a second. */
const PER_ENGINE = 1e6 / 60 / 10_000;
/** The n-th session has n to the power of minus this of the first one's requests. */
const SKEW = 0.5;
/** Engines that die halfway, and the time for which each gateway leaves one alone that has failed. */
const DYING = 0.01;
const LEFT_ALONE_MS = 5_000;
/** A report counts for so long. */
const REPORT_MS = 2_000;

const CAN = {
  text: true,
  tools: true,
  schemas: true,
  logprobs: true,
  images: true,
  embeddings: false,
  reranking: false,
};

type Engine = {
  running: number;
  readonly waiting: (() => void)[];
  /** Sessions, the last used last. */
  readonly held: Set<number>;
  isDown: boolean;
  answered: number;
};

type Known = { own: number; told: number; toldMs: number; downUntilMs: number };

/** Many gateways with the real choice of targets, in front of many simulated engines. */
export function simulateCluster(knowledge: Knowledge, size: ClusterSize, seed: number): ClusterResult {
  const clock = createSimulatedClock();
  const random = seededRandom(seed);
  const drawSession = sessionsOf(size.sessions, random);
  const route = routeOf(size.engines);
  const engines = Array.from({ length: size.engines }, (): Engine => {
    return { running: 0, waiting: [], held: new Set(), isDown: false, answered: 0 };
  });
  /** What each gateway knows of the engines that it has asked. */
  const known = Array.from({ length: size.gateways }, () => new Map<number, Known>());
  const endMs = (1_000 * size.requests) / (PER_ENGINE * size.engines);
  const [downMs, upMs] = [endMs / 2, (3 * endMs) / 4];
  const all: number[] = [];
  const whileDown: number[] = [];
  const tally = { hits: 0, counted: 0, retried: 0, failed: 0 };

  function knownOf(gateway: number, engine: number): Known {
    const of = known[gateway];
    const before = of?.get(engine);
    if (before !== undefined) return before;
    const made = { own: 0, told: 0, toldMs: Number.NEGATIVE_INFINITY, downUntilMs: 0 };
    of?.set(engine, made);
    return made;
  }

  function inHandOf(gateway: number, index: number): number {
    const engine = engines[index];
    if (knowledge === "exact" && engine !== undefined) return engine.running + engine.waiting.length;
    if (knowledge === "none" || knowledge === "random") return 0;
    const before = known[gateway]?.get(index);
    if (before === undefined) return 0;
    const isFresh = knowledge === "reports" && clock.now() - before.toldMs < REPORT_MS;
    return isFresh ? Math.max(before.told, before.own) : before.own;
  }

  function choose(gateway: number, session: string): readonly string[] {
    const states = {
      at: (index: number) => {
        const isDown = clock.now() < (known[gateway]?.get(index)?.downUntilMs ?? 0);
        return stateOf(index, inHandOf(gateway, index), isDown);
      },
    };
    return chooseTargets(route, situationOf(session, states)).candidates.map(({ target }) => target);
  }

  function send(): void {
    const gateway = Math.floor(random() * size.gateways);
    const session = drawSession();
    const sentMs = clock.now();
    ask(gateway, session, sentMs, choose(gateway, knowledge === "random" ? String(random()) : String(session)), 0);
  }

  function ask(gateway: number, session: number, sentMs: number, targets: readonly string[], tries: number): void {
    const index = Number(targets[tries] ?? -1);
    const engine = engines[index];
    if (engine === undefined) {
      tally.failed += 1;
      return;
    }
    const mine = knownOf(gateway, index);
    if (engine.isDown) {
      mine.downUntilMs = clock.now() + LEFT_ALONE_MS;
      if (tries === 0) tally.retried += 1;
      ask(gateway, session, sentMs, targets, tries + 1);
      return;
    }
    mine.own += 1;
    engine.waiting.push(() => serve(engine, mine, session, sentMs));
    pump(engine);
  }

  function pump(engine: Engine): void {
    while (engine.running < SLOTS) {
      const next = engine.waiting.shift();
      if (next === undefined) return;
      engine.running += 1;
      next();
    }
  }

  function serve(engine: Engine, mine: Known, session: number, sentMs: number): void {
    const isHit = engine.held.delete(session);
    engine.held.add(session);
    const [oldest] = engine.held;
    if (engine.held.size > HELD && oldest !== undefined) engine.held.delete(oldest);
    engine.answered += 1;
    clock.after((isHit ? HIT_MS : MISS_MS) * (0.8 + 0.4 * random()), () => {
      note(sentMs, isHit);
      clock.after(DECODE_MS * (0.8 + 0.4 * random()), () => {
        engine.running -= 1;
        mine.own -= 1;
        mine.told = engine.running + engine.waiting.length;
        mine.toldMs = clock.now();
        pump(engine);
      });
    });
  }

  /** The first fifth fills the engines' prefixes. */
  function note(sentMs: number, isHit: boolean): void {
    if (sentMs < endMs / 5) return;
    tally.counted += 1;
    if (isHit) tally.hits += 1;
    all.push(clock.now() - sentMs);
    if (sentMs >= downMs && sentMs < upMs) whileDown.push(clock.now() - sentMs);
  }

  function setDown(isDown: boolean): void {
    for (const engine of engines.slice(0, Math.ceil(DYING * size.engines))) {
      engine.isDown = isDown;
      // A process that died has nothing any more.
      if (isDown) engine.held.clear();
    }
  }

  clock.after(downMs, () => setDown(true));
  clock.after(upMs, () => setDown(false));
  const gapMs = endMs / size.requests;
  let sent = 0;
  const next = () => {
    send();
    sent += 1;
    if (sent < size.requests) clock.after(-Math.log(1 - random()) * gapMs, next);
  };
  clock.after(0, next);
  clock.runUntil(2 * endMs + 60_000);
  const counts = engines.map(({ answered }) => answered);
  return {
    ...{ p50Ms: quantile(all, 0.5), p95Ms: quantile(all, 0.95), p99Ms: quantile(all, 0.99) },
    downP99Ms: quantile(whileDown, 0.99),
    hitShare: tally.hits / tally.counted,
    imbalance: counts.reduce((most, count) => Math.max(most, count), 0) / (size.requests / size.engines),
    ...{ retriedShare: tally.retried / size.requests, failed: tally.failed },
  };
}

/** CPU in µs for one decision among so many targets with equal weights. */
export function measureCluster(engines: number, rounds: number): number {
  const route = routeOf(engines);
  const states = { at: (index: number) => stateOf(index, index % 5, false) };
  chooseTargets(route, situationOf("the ring is made once", states));
  const before = process.threadCpuUsage();
  for (let round = 0; round < rounds; round += 1) chooseTargets(route, situationOf(String(round), states));
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / rounds;
}

function routeOf(engines: number): Route {
  return {
    name: "chat",
    targets: Array.from({ length: engines }, (_, index) => ({ model: String(index), weight: 1 })),
  };
}

function stateOf(index: number, inHand: number, isDown: boolean): TargetState {
  return {
    ...{ id: String(index), isLocal: false, can: CAN, state: isDown ? "restarting" : "ready" },
    ...{ contextTokens: undefined, firstTokenMs: undefined, inHand },
  };
}

function situationOf(session: string, targets: Situation["targets"]): Situation {
  return {
    ...{ nowMs: 0, task: "text", class: "default", isLocalOnly: false, key: [], usedShare: undefined },
    ...{ preset: undefined, needs: [], promptTokens: 3_000, answerTokens: 100, session, targets },
  };
}

/** Draws sessions, of which some have many more requests than others. */
function sessionsOf(count: number, random: Random): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    sum += (index + 1) ** -SKEW;
    sums[index] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
