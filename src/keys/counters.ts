import { z } from "zod";
import type { Link } from "../redis/link.ts";
import type { Window } from "./windows.ts";

/** How much of a window is used, and its end in Unix ms. */
export type Count = { readonly used: number; readonly endsMs: number };

export type Counters = {
  /**
   * Adds to a key's count in a window; a negative number takes back. Never fails, and takes a bounded time.
   *
   * @param before what was used in this window before its count began here; 0 if absent
   */
  readonly add: (window: Window, keyId: string, points: number, before?: () => number) => Promise<Count>;
};

export type CountersOptions = {
  /** Where several gateways share counts. */
  readonly redis?: Pick<Link, "run">;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** Adds to the count, and starts a window if none is running. Returns the count and the ms until the window ends. */
const ADD = `
local used = redis.call("INCRBY", KEYS[1], ARGV[1])
local left = redis.call("PTTL", KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call("PEXPIRE", KEYS[1], left)
end
return {used, left}`;

const replySchema = z.tuple([z.int(), z.int().min(0)]);

/** With fewer counts than this, those whose window has ended aren't removed. */
const FEWEST_SWEPT = 1_000;

/** Counts in Redis, or in this process's memory if there is no Redis or it isn't reachable. */
export function createCounters({ redis, now = Date.now }: CountersOptions = {}): Counters {
  const addHere = countInMemory(now);

  /** Undefined if Redis isn't reachable or sends an unexpected reply. */
  async function addThere({ run }: Pick<Link, "run">, name: string, lengthMs: number, points: number) {
    const own = { keys: [name], arguments: [String(points), String(lengthMs)] };
    const reply = replySchema.safeParse(await run((client) => client.eval(ADD, own)));
    return reply.success ? { used: reply.data[0], endsMs: now() + reply.data[1] } : undefined;
  }

  /** A count that begins may have been lost with the server's memory, so what is known of it here is added. */
  async function addShared(
    redis: Pick<Link, "run">,
    name: string,
    lengthMs: number,
    points: number,
    before: () => number,
  ): Promise<Count | undefined> {
    const count = await addThere(redis, name, lengthMs, points);
    const known = count?.used === points ? before() : 0;
    return known === 0 ? count : addThere(redis, name, lengthMs, known);
  }

  return {
    async add({ id, seconds, calendar }, keyId, points, before = () => 0) {
      const name = `sluice:${id}:${keyId}`;
      const nowMs = now();
      const lengthMs = calendar === undefined ? seconds * 1_000 : calendar.endOf(nowMs) - nowMs;
      const shared = redis && (await addShared(redis, name, lengthMs, points, before));
      const { used, endsMs } = shared ?? addHere(name, lengthMs, points, before);
      return { used: Math.max(0, used), endsMs };
    },
  };
}

type AddHere = (name: string, lengthMs: number, points: number, before: () => number) => Count;

function countInMemory(now: () => number): AddHere {
  const counts = new Map<string, Count>();
  let sweepAt = FEWEST_SWEPT;

  function sweep(nowMs: number): void {
    for (const [name, { endsMs }] of counts) if (endsMs <= nowMs) counts.delete(name);
    sweepAt = Math.max(FEWEST_SWEPT, 2 * counts.size);
  }

  return (name, lengthMs, points, known) => {
    const nowMs = now();
    if (counts.size >= sweepAt) sweep(nowMs);
    const before = counts.get(name);
    const isRunning = before !== undefined && before.endsMs > nowMs;
    const count = isRunning
      ? { used: before.used + points, endsMs: before.endsMs }
      : { used: points + known(), endsMs: nowMs + lengthMs };
    counts.set(name, count);
    return count;
  };
}
