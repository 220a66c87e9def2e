import type { Link } from "../../redis/link.ts";
import { unpackAnswer } from "../entry.ts";
import type { Leases } from "../leases.ts";
import type { Answer, AnswerStore, Label } from "../store.ts";
import type { Sought, Tier } from "../tier.ts";
import { type Removed, shareAnswers } from "./answers.ts";
import { shareLeases } from "./shared-leases.ts";

export type SecondLevelOptions = {
  readonly link: Pick<Link, "run" | "isUp">;
  /** How long a request waits for another gateway that generates the same, in ms; 0 doesn't wait. */
  readonly followMs: number;
  /** How long an answer is fresh at most, in ms. */
  readonly ttlMs: number;
  /** The memory store, which gets each answer that was found. */
  readonly store: Pick<AnswerStore, "restore">;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** The second level's figures since the start. */
export type SharedStats = {
  /** Whether Redis is connected; until it is, the second level is skipped. */
  readonly isUp: boolean;
  /** Look-ups that found an answer, and those that didn't. */
  readonly found: number;
  readonly missed: number;
};

/** Answers that several gateways share, in Valkey or Redis. */
export type SecondLevel = {
  readonly tier: Tier;
  /** Undefined if requests don't wait for other gateways. */
  readonly leases: Leases | undefined;
  readonly stats: () => SharedStats;
  /** Removes all answers that match all given fields. */
  readonly clear: (which: Partial<Label>) => Promise<Removed>;
  /** Resolves when all writes have ended, at the latest after Redis's timeout. */
  readonly settled: () => Promise<void>;
};

/** Its name in `Cache-Status`. */
const NAME = "REMOTE";

/** The most answers that wait to be written; more are dropped. */
const MOST_WRITES = 64;

/** Its failures never fail a request: without Redis, it finds no answers. */
export function createSecondLevel({ link, followMs, ttlMs, store, now = Date.now }: SecondLevelOptions): SecondLevel {
  const answers = shareAnswers({ link, ttlMs, now });
  const writes = new Map<string, Promise<void>>();
  const counts = { found: 0, missed: 0 };

  async function get(sought: Sought): Promise<Answer | undefined> {
    const entry = await answers.get(sought);
    if (entry === undefined) return undefined;
    store.restore(entry);
    const { bytes, storedMs, freshMs } = entry;
    return { id: bytes, events: (options) => unpackAnswer(bytes, options), storedMs, freshMs };
  }

  const tier: Tier = {
    name: NAME,
    takes: () => link.isUp(),
    async find(sought) {
      const answer = await get(sought);
      if (answer === undefined) counts.missed += 1;
      else counts.found += 1;
      return answer;
    },
    keep({ key }, entry) {
      if (!link.isUp() || writes.size >= MOST_WRITES) return;
      const write = answers.put(entry).finally(() => {
        if (writes.get(key) === write) writes.delete(key);
      });
      writes.set(key, write);
    },
  };

  const written = async (key: string) => void (await writes.get(key));
  const leases = followMs === 0 ? undefined : shareLeases({ link, followMs, now, get, written });

  return {
    tier,
    leases,
    stats: () => ({ isUp: link.isUp(), ...counts }),
    clear: answers.clear,
    async settled() {
      await Promise.all(writes.values());
      await leases?.settled();
    },
  };
}
