import { z } from "zod";
import type { Link } from "../redis/link.ts";
import type { Window } from "./windows.ts";

/** How much of a window is used, and its end in Unix ms. */
export type Count = { readonly used: number; readonly endsMs: number };

export type Counters = {
  /** Adds to a key's count in a window; a negative number takes back. Never fails, and takes a bounded time. */
  readonly add: (window: Window, keyId: string, points: number) => Promise<Count>;
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

  return {
    async add({ id, seconds }, keyId, points) {
      const name = `sluice:${id}:${keyId}`;
      const lengthMs = seconds * 1_000;
      const shared = redis && (await addThere(redis, name, lengthMs, points));
      const { used, endsMs } = shared ?? addHere(name, lengthMs, points);
      return { used: Math.max(0, used), endsMs };
    },
  };
}

function countInMemory(now: () => number): (name: string, lengthMs: number, points: number) => Count {
  const counts = new Map<string, Count>();
  let sweepAt = FEWEST_SWEPT;

  function sweep(nowMs: number): void {
    for (const [name, { endsMs }] of counts) if (endsMs <= nowMs) counts.delete(name);
    sweepAt = Math.max(FEWEST_SWEPT, 2 * counts.size);
  }

  return (name, lengthMs, points) => {
    const nowMs = now();
    if (counts.size >= sweepAt) sweep(nowMs);
    const before = counts.get(name);
    const isRunning = before !== undefined && before.endsMs > nowMs;
    const count = isRunning
      ? { used: before.used + points, endsMs: before.endsMs }
      : { used: points, endsMs: nowMs + lengthMs };
    counts.set(name, count);
    return count;
  };
}
