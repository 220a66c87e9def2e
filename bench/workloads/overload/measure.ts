import type { Measurement } from "../../figures.ts";
import { type PlannedClient, planLoad, planSpike } from "../../load/arrivals.ts";
import { bearer } from "../../load/client.ts";
import { goodPerSecond, loadFigures, spikeFigures } from "../../load/goodput.ts";
import { runOpenLoop } from "../../load/open-loop.ts";
import { type Outcome, outcomeOf } from "../../load/outcome.ts";
import { post } from "../../load/post.ts";
import { seededRandom } from "../../statistics.ts";
import { CHAT_PATH, type Session } from "../session.ts";
import type { Calibration } from "./calibrate.ts";
import { SECRETS } from "./keys.ts";
import { watchRss } from "./rss.ts";
import { makeRequest, OVERLOAD, POLITE_SHARE, type Size, STANDARD_TTFT_MS } from "./size.ts";

/** The limit for a good answer's ITL p95, as a multiple of that without overload. Both servers have the limit of the slower one. */
const STANDARD_ITL = 2;
/** Who has less of its patience left would leave before its answer came. */
const LEAST_LEFT_MS = STANDARD_TTFT_MS;
const HEADERS = { "sluice-max-wait-ms": String(STANDARD_TTFT_MS) };

export type OverloadOptions = {
  /** Of this server. */
  readonly own: Calibration;
  /** Of all servers. What the slowest can do is the measure for each, so that the same is offered to all and asked of all. */
  readonly all: readonly Calibration[];
  readonly size: Size;
  /** The same clients at the same moments for each server. */
  readonly seed: number;
};

/** Offers the load, and then the spike. */
export async function measureOverload(
  session: Session,
  { own, all, size, seed }: OverloadOptions,
): Promise<Measurement> {
  const random = seededRandom(seed);
  const slowestPerSecond = Math.min(...all.map(({ capacityPerSecond }) => capacityPerSecond));
  const offeredPerSecond = OVERLOAD * slowestPerSecond;
  const politePerSecond = POLITE_SHARE * slowestPerSecond;
  const load = planLoad(random, {
    ...{ greedyPerSecond: offeredPerSecond - politePerSecond, politePerSecond },
    durationMs: size.loadMs,
  });
  const spike = planSpike(random, size.spike, size.spikeMs);

  const beforeMb = await session.server.rssMb();
  const loaded = await offer(session, load, `load ${seed}`, size);
  const span = { fromMs: loaded.fromMs, toMs: loaded.fromMs + size.loadMs };
  const spikeRss = await watchRss(session.server, session.signal);
  const spiked = await offer(session, spike, `spike ${seed}`, size);
  const rss = await spikeRss.stop();

  const under = (itlP95Ms: number) =>
    goodPerSecond(loaded.outcomes, { ttftMs: STANDARD_TTFT_MS, itlP95Ms: STANDARD_ITL * itlP95Ms }, span);
  return {
    ...own,
    offeredPerSecond,
    goodPerSecond: under(Math.max(...all.map(({ busyItlP95Ms }) => busyItlP95Ms))),
    goodAsAlonePerSecond: under(Math.max(...all.map(({ unloadedItlP95Ms }) => unloadedItlP95Ms))),
    inTimePerSecond: under(Number.POSITIVE_INFINITY),
    ...loadFigures(loaded.outcomes, own.unloadedTtftP95Ms),
    ...spikeFigures(spiked.outcomes, STANDARD_TTFT_MS),
    ...(rss && beforeMb !== undefined && { growthMb: rss.afterMb - beforeMb }),
    ...(rss && { spikeGrowthMb: rss.highestMb - rss.beforeMb }),
  };
}

async function offer(
  session: Session,
  plan: readonly PlannedClient[],
  name: string,
  { patienceMs }: Size,
): Promise<{ readonly fromMs: number; readonly outcomes: readonly Outcome[] }> {
  const writer = session.writer(0, name);
  // Written beforehand, so that a client that comes has nothing to do but to send.
  const payloads = plan.map(() => Buffer.from(JSON.stringify(session.body(makeRequest(session, writer)))));
  const url = new URL(CHAT_PATH, session.server.url);
  const fromMs = performance.now();
  const visits = await runOpenLoop(plan, {
    ask: ({ kind }, index, signal) =>
      post(url, payloads[index] ?? Buffer.of(), { signal, headers: { ...HEADERS, ...bearer(SECRETS[kind]) } }),
    ...{ patienceMs, leastLeftMs: LEAST_LEFT_MS, signal: session.signal },
  });
  return { fromMs, outcomes: visits.map(outcomeOf) };
}
