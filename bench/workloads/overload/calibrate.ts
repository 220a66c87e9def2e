import type { Reply } from "../../load/client.ts";
import { gaps, perSecond, timeToFirstToken } from "../../load/timing.ts";
import { quantile } from "../../statistics.ts";
import type { Session } from "../session.ts";
import { makeRequest, type Size, SLOTS } from "./size.ts";

/** However slow the machine is, a rate is not reckoned from fewer. */
const FEWEST_ANSWERS = 2 * SLOTS;

/** The figures of a server without overload. */
export type Calibration = {
  /** Of requests one after the other. */
  readonly unloadedTtftP95Ms: number;
  readonly unloadedItlP95Ms: number;
  /** With a request in every slot, and never one that waits. */
  readonly busyTtftP95Ms: number;
  readonly busyItlP95Ms: number;
  readonly capacityPerSecond: number;
};

/** Measures a server alone, and with every slot busy. */
export async function calibrate(session: Session, { alone: count, busyMs }: Size): Promise<Calibration> {
  const writer = session.writer(-1, "calibration");
  const alone: Reply[] = [];
  for (let index = 0; index < count; index++) alone.push(await session.chat(makeRequest(session, writer)));

  const busy: Reply[] = [];
  const fromMs = performance.now();
  const keepBusy = async () => {
    while (performance.now() < fromMs + busyMs || busy.length < FEWEST_ANSWERS) {
      busy.push(await session.chat(makeRequest(session, writer)));
    }
  };
  await Promise.all(Array.from({ length: SLOTS }, keepBusy));

  return {
    unloadedTtftP95Ms: quantile(alone.map(timeToFirstToken), 0.95),
    unloadedItlP95Ms: quantile(alone.flatMap(gaps), 0.95),
    busyTtftP95Ms: quantile(busy.map(timeToFirstToken), 0.95),
    busyItlP95Ms: quantile(busy.flatMap(gaps), 0.95),
    capacityPerSecond: perSecond(busy.length, Math.max(...busy.map(({ endedMs }) => endedMs)) - fromMs),
  };
}
