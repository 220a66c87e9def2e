import type { Logger } from "pino";
import { unpackAnswer } from "../entry.ts";
import type { Answer, AnswerStore, Label } from "../store.ts";
import type { Sought, Tier } from "../tier.ts";
import type { Turns } from "../turns.ts";
import { type Removed, shareAnswers } from "./answers.ts";
import { createLink } from "./link.ts";
import { takeTurns } from "./take-turns.ts";

export type SecondLevelOptions = {
  readonly url: string;
  /** What it may cost a request when it answers too late, in ms. */
  readonly timeoutMs: number;
  /** How long a request waits for another gateway that generates the same, in ms; 0 doesn't wait. */
  readonly followMs: number;
  /** How long an answer is fresh at most, in ms. */
  readonly ttlMs: number;
  /** Where what is found is put, to be found at once the next time. */
  readonly store: Pick<AnswerStore, "restore">;
  readonly logger: Pick<Logger, "warn" | "info">;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  /** See `LinkOptions`. */
  readonly pauseMs?: number;
};

/** What has become of the second level since the start. */
export type SharedStats = {
  /** Whether it is used now, or passed over until it is back. */
  readonly isUp: boolean;
  /** Look-ups that found an answer, and those that found none. */
  readonly found: number;
  readonly missed: number;
};

/** Answers that several gateways share, in Valkey or Redis. */
export type SecondLevel = {
  readonly tier: Tier;
  /** Undefined where nobody is to wait for another. */
  readonly turns: Turns | undefined;
  readonly stats: () => SharedStats;
  /** Removes all answers that have all of these. */
  readonly clear: (which: Partial<Label>) => Promise<Removed>;
  /** Resolves after the first try to connect. Where that fails it is tried again by itself. */
  readonly open: () => Promise<void>;
  /** Lets what is being stored come to its end, for as long as an answer of Redis may take, and disconnects. */
  readonly close: () => Promise<void>;
};

/** What `Cache-Status` calls it. */
const NAME = "REMOTE";

/** Answers that wait to be written; more are left out. */
const MOST_WRITES = 64;

/** Nothing of it ever fails a request: without Redis there is nothing to be found. */
export function createSecondLevel(options: SecondLevelOptions): SecondLevel {
  const { url, timeoutMs, followMs, ttlMs, store, logger, pauseMs, now = Date.now } = options;
  const link = createLink({ url, timeoutMs, logger, ...(pauseMs !== undefined && { pauseMs }) });
  const answers = shareAnswers({ link, ttlMs, now });
  const writes = new Map<string, Promise<void>>();
  const counts = { found: 0, missed: 0 };

  async function get(sought: Sought): Promise<Answer | undefined> {
    const entry = await answers.get(sought);
    if (entry === undefined) return undefined;
    store.restore(entry);
    const { bytes, storedMs, freshMs } = entry;
    return { events: () => unpackAnswer(bytes), storedMs, freshMs };
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
  const turns = followMs === 0 ? undefined : takeTurns({ link, followMs, now, get, written });

  return {
    tier,
    turns,
    stats: () => ({ isUp: link.isUp(), ...counts }),
    clear: answers.clear,
    open: link.open,
    async close() {
      await Promise.all(writes.values());
      await turns?.settled();
      link.close();
    },
  };
}
