import { z } from "zod";
import type { Link } from "../redis/link.ts";
import type { Window } from "./windows.ts";

/** How much of a window is used, and when it ends in Unix ms. */
export type Count = { readonly used: number; readonly endsMs: number };

export type Counters = {
  /** Adds to what a key has used of a window; less than nothing takes back. Never fails, and takes a bounded time. */
  readonly add: (window: Window, keyId: string, points: number) => Promise<Count>;
};

export type CountersOptions = {
  /** Where several gateways count together. */
  readonly redis?: Pick<Link, "run">;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** Counts from nothing where no window runs, and starts one then. Returns the count and the ms until the window ends. */
const ADD = `
local used = redis.call("INCRBY", KEYS[1], ARGV[1])
local left = redis.call("PTTL", KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call("PEXPIRE", KEYS[1], left)
end
return {used, left}`;

const replySchema = z.tuple([z.int(), z.int().min(0)]);

/** Counts below this are not looked through for those whose window has ended. */
const FEWEST_SWEPT = 1_000;

/** Counts in Redis, or in this process's memory where there is none and while it can't be had. */
export function createCounters({ redis, now = Date.now }: CountersOptions = {}): Counters {
  const addHere = countInMemory(now);

  /** Undefined where Redis can't be had, or replies with something else. */
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
