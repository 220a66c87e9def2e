import { randomUUID } from "node:crypto";
import { setInterval } from "node:timers";
import { setTimeout } from "node:timers/promises";
import type { Link } from "../../redis/link.ts";
import { choose } from "../choose.ts";
import type { LeaseOutcome, Leases } from "../leases.ts";
import type { Answer } from "../store.ts";
import type { Sought } from "../tier.ts";
import { leaseName } from "./names.ts";

export type SharedLeasesOptions = {
  readonly link: Pick<Link, "run">;
  /** How long a request waits for another gateway before it generates the answer itself, in ms. */
  readonly followMs: number;
  /** Looks for an answer that another gateway has stored. */
  readonly get: (sought: Sought) => Promise<Answer | undefined>;
  /** Resolves when a pending write under this key has ended. */
  readonly written: (key: string) => Promise<void>;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** Leases that several gateways take. */
type SharedLeases = Leases & {
  /** Resolves when all ended leases are released. */
  readonly settled: () => Promise<void>;
};

/** A name in Redis that one gateway holds at a time, until it releases it or dies. */
type Lease = { readonly release: () => Promise<void> };

/** How long a lease lasts without renewal, so how long others wait for a gateway that died. */
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;

/** Checks the token first, since a lease that has expired may be held by another gateway now. */
const RELEASE = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`;
const RENEW = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) end return 0`;

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 400;
/** The most requests that wait for other gateways, since each polls Redis. */
const MOST_FOLLOWERS = 256;

/** Lets one gateway at a time generate an answer. The others poll for the answer and for the lease. */
export function shareLeases({ link, followMs, get, written, now }: SharedLeasesOptions): SharedLeases {
  const ending = new Set<Promise<void>>();
  let followers = 0;

  async function look(sought: Sought, signal: AbortSignal) {
    // In this order: if the lease is free, the answer that its last holder stored is seen too.
    const [lease, answer] = await Promise.all([
      takeLease(link, leaseName(sought.key, sought.request.terms)),
      get(sought),
    ]);
    const choice = choose(answer, sought.request.cache ?? {}, now());
    const isNew = choice.type === "hit" && !choice.isStale;
    if ((isNew || signal.aborted) && isLease(lease)) void lease.release();
    signal.throwIfAborted();
    return { lease, taken: isNew ? choice.answer : undefined };
  }

  async function follow(sought: Sought, signal: AbortSignal): Promise<LeaseOutcome> {
    const startedMs = now();
    // Half of the request's longest wait is left for the queue.
    const untilMs = startedMs + Math.min(followMs, (sought.request.terms?.maxWaitMs ?? Number.POSITIVE_INFINITY) / 2);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
      const { lease, taken } = await look(sought, signal);
      if (taken !== undefined) return { type: "taken", answer: taken };
      const waitedMs = now() - startedMs;
      if (isLease(lease)) return { type: "own", waitedMs, end: () => end(sought.key, lease) };
      const leftMs = untilMs - now();
      if (lease === undefined || leftMs <= 0) return { type: "own", waitedMs, end: () => {} };
      await setTimeout(Math.min(pauseMs, leftMs), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  function end(key: string, lease: Lease): void {
    const released = written(key)
      .then(lease.release)
      .finally(() => ending.delete(released));
    ending.add(released);
  }

  return {
    async take(sought, signal) {
      signal.throwIfAborted();
      if (followers >= MOST_FOLLOWERS) return { type: "own", waitedMs: 0, end: () => {} };
      followers += 1;
      try {
        return await follow(sought, signal);
      } finally {
        followers -= 1;
      }
    },
    async settled() {
      await Promise.all(ending);
    },
  };
}

/** Takes a lease, which is renewed until it is released. "taken" if another gateway holds it, undefined if Redis isn't reachable. */
async function takeLease(link: Pick<Link, "run">, name: string): Promise<Lease | "taken" | undefined> {
  const token = randomUUID();
  const own = { keys: [name], arguments: [token, String(LEASE_MS)] };
  const expiration = { type: "PX", value: LEASE_MS } as const;
  const reply = await link.run(async (client) => ({
    isMine: (await client.set(name, token, { condition: "NX", expiration })) !== null,
  }));
  if (reply === undefined) return undefined;
  if (!reply.isMine) return "taken";
  const renewing = setInterval(() => void link.run((client) => client.eval(RENEW, own)), RENEW_MS).unref();
  return {
    async release() {
      clearInterval(renewing);
      await link.run((client) => client.eval(RELEASE, own));
    },
  };
}

function isLease(lease: Lease | "taken" | undefined): lease is Lease {
  return lease !== undefined && lease !== "taken";
}
