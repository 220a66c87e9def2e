import type { CacheWish } from "../generation/cache.ts";
import { type Choice, choose } from "./choose.ts";
import type { Answer } from "./store.ts";
import type { Sought, Tier } from "./tier.ts";

/** The result of a search. */
type Finding = {
  readonly choice: Choice;
  /** The tier that had it; undefined if none did. */
  readonly tier?: string;
};

export type Search = {
  /** Whether there is anywhere to look for this request. */
  readonly takes: (sought: Sought) => boolean;
  /** Asks the tiers in order for a usable answer. `before` is the result for memory. Rejects with the reason of `signal`. */
  readonly find: (sought: Sought, before: Choice, signal: AbortSignal) => Promise<Finding>;
};

type LookUp = { readonly answer: Promise<Answer | undefined>; readonly left: AbortController; waiting: number };

/** @param now the time in Unix ms */
export function createSearch(tiers: readonly Tier[], now: () => number): Search {
  const lookUps = new Map(tiers.map((tier) => [tier, new Map<string, LookUp>()]));

  function begin(tier: Tier, sought: Sought): LookUp {
    const left = new AbortController();
    const lookUp: LookUp = { answer: find(tier, sought, left.signal), left, waiting: 0 };
    lookUps.get(tier)?.set(sought.key, lookUp);
    return lookUp;
  }

  /** Ends a look-up, so that later requests start a new one. */
  function end(tier: Tier, { key }: Sought, lookUp: LookUp): void {
    if (lookUps.get(tier)?.get(key) === lookUp) lookUps.get(tier)?.delete(key);
    lookUp.left.abort();
  }

  /** A tier's answer. Concurrent requests with the same key share one look-up. */
  async function ask(tier: Tier, sought: Sought, signal: AbortSignal): Promise<Answer | undefined> {
    const lookUp = lookUps.get(tier)?.get(sought.key) ?? begin(tier, sought);
    lookUp.waiting += 1;
    try {
      return await unlessAborted(lookUp.answer, signal);
    } finally {
      lookUp.waiting -= 1;
      if (lookUp.waiting === 0) end(tier, sought, lookUp);
    }
  }

  return {
    takes: ({ request }) => tiers.some((tier) => tier.takes(request)),
    async find(sought, before, signal) {
      let choice = before;
      for (const tier of tiers) {
        if (!tier.takes(sought.request)) continue;
        const answer = await ask(tier, sought, signal);
        if (answer === undefined) continue;
        choice = choose(answer, sought.request.cache ?? NO_WISHES, now());
        if (choice.type === "hit") return { choice, tier: tier.name };
      }
      return { choice };
    },
  };
}

const NO_WISHES: CacheWish = {};

async function find(tier: Tier, sought: Sought, signal: AbortSignal): Promise<Answer | undefined> {
  try {
    return await tier.find(sought, signal);
  } catch {
    return undefined;
  }
}

/** Resolves with the result of `work`. Rejects with the signal's reason as soon as that is aborted. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
