import { createFairQueue } from "../../src/fairness/fair-queue.ts";
import { seededRandom } from "../statistics.ts";

const TENANTS = 20;
const ROUNDS = 20_000;
const DEAREST = 1_000;

/**
 * Tenants that always have something waiting, one of them twenty times as much as another, with costs from 1 to 1,000.
 * @returns how far the one that was given most is ahead of the one that was given least, at worst: 1 is the dearest request's cost
 */
export function measureUnfairness(): number {
  const random = seededRandom(3);
  const queue = createFairQueue<number>();
  const given = Array.from({ length: TENANTS }, () => 0);
  const push = (tenant: number) =>
    queue.push({ tenant: String(tenant), priority: "default" }, tenant, 1 + Math.floor(DEAREST * random() ** 3));
  for (let tenant = 0; tenant < TENANTS; tenant++) for (let index = 0; index <= tenant; index++) push(tenant);
  let worst = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const turn = queue.take();
    if (turn === undefined) break;
    const { value: tenant, cost } = turn;
    given[tenant] = (given[tenant] ?? 0) + cost;
    push(tenant);
    worst = Math.max(worst, Math.max(...given) - Math.min(...given));
  }
  return worst / DEAREST;
}
