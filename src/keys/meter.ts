import type { Cost } from "../generation/cost.ts";
import { BeyondLimitError, BudgetSpentError, RateLimitedError } from "../generation/errors.ts";
import type { Count, Counters } from "./counters.ts";
import type { Key } from "./key.ts";
import { dayOf, type UsageBook } from "./usage.ts";
import { type Limited, NANOS, WINDOWS, type Window } from "./windows.ts";

/** Work that is about to start for a key. */
export type Work = {
  /** Several pieces of work may belong to one request, which counts once. */
  readonly requestId: string;
  readonly model: string;
  /** The estimated number of tokens. */
  readonly tokens: number;
  /** The estimated cost, in US dollars; absent if unknown. */
  readonly money?: number | undefined;
};

/** The tokens really used. */
type Used = { readonly prompt: number; readonly cached: number; readonly completion: number };

/** What one model has done. */
export type Done = {
  /** Undefined for the model of the work. */
  readonly model?: string | undefined;
  readonly used: Used;
  readonly cost?: Cost | undefined;
};

/** How work has ended. `refused`: the server was overloaded. `left`: the client went away. */
export type Outcome = "done" | "failed" | "refused" | "left";

/** Work that was admitted. */
export type Charge = {
  /** Replaces the estimates by what was used. Only the first call counts. @param done of each model, first the one that has answered */
  readonly end: (outcome: Outcome, done: readonly [Done, ...Done[]]) => void;
};

/** How much of a limit is left, and when it is reset. */
export type LimitView = { readonly limit: number; readonly remaining: number; readonly resetMs: number };

export type Meter = {
  /** Reserves the estimates. Throws an error that names the limit, and then reserves nothing: `RateLimitedError`, `BeyondLimitError` or `BudgetSpentError`. */
  readonly begin: (key: Key, work: Work) => Promise<Charge>;
  /** The limit of this kind with the least left, as far as this gateway knows; undefined if the key has none. */
  readonly view: (key: Key, limited: Limited) => LimitView | undefined;
};

export type MeterOptions = {
  readonly counters: Counters;
  readonly usage: Pick<UsageBook, "add">;
  /** What a key has cost since a day by the state file, in billionths of a US dollar: counts are lost with the process. */
  readonly costSince?: (key: string, day: string) => number;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
  /** From 0 to 1; `Math.random` if absent. */
  readonly random?: () => number;
};

/** A guess, since it isn't known here when a running request of the key will end. */
const CONCURRENT_RETRY_MS = 1_000;
/** Spreads out the retries of requests refused at the same time. */
const MAX_JITTER_MS = 2_000;
/** The most keys with remembered counts. */
const MAX_KEYS = 20_000;

type Reservation = { readonly window: Window; readonly points: number; readonly endsMs: number };

/** Applies the limits of each key, and records its usage. */
export function createMeter({
  counters,
  usage,
  costSince = () => 0,
  now = Date.now,
  random = Math.random,
}: MeterOptions): Meter {
  /** For each key, how many pieces of each of its requests are in progress. */
  const inHand = new Map<string, Map<string, number>>();
  const counts = new Map<string, Map<Window, Count>>();
  /** Each key's latest request, since one that is retried with a shorter prompt counts once. */
  const latest = new Map<string, string>();

  async function add(key: Key, window: Window, points: number): Promise<Count> {
    const { calendar } = window;
    const before = calendar && (() => costSince(key.id, dayOf(calendar.startOf(now()))));
    const count = await counters.add(window, key.id, points, before);
    if (counts.size >= MAX_KEYS) counts.clear();
    const ofKey = counts.get(key.id) ?? new Map<Window, Count>();
    counts.set(key.id, ofKey.set(window, count));
    return count;
  }

  /** Returns whether this is the first piece of the request. */
  function enter(key: Key, requestId: string): boolean {
    const requests = inHand.get(key.id) ?? new Map<string, number>();
    const pieces = requests.get(requestId) ?? 0;
    const limit = key.policy.concurrentRequests;
    if (pieces === 0 && limit !== undefined && requests.size >= limit) {
      throw new RateLimitedError(
        `Rate limit reached for this API key on concurrent requests: limit ${limit}, in progress ${requests.size}.`,
        withJitter(CONCURRENT_RETRY_MS),
      );
    }
    inHand.set(key.id, requests.set(requestId, pieces + 1));
    const isFirst = pieces === 0 && latest.get(key.id) !== requestId;
    if (latest.size >= MAX_KEYS) latest.clear();
    latest.set(key.id, requestId);
    return isFirst;
  }

  function leave(key: Key, requestId: string): void {
    const requests = inHand.get(key.id);
    const pieces = requests?.get(requestId) ?? 0;
    if (pieces > 1) requests?.set(requestId, pieces - 1);
    else requests?.delete(requestId);
    if (requests?.size === 0) inHand.delete(key.id);
  }

  async function reserve(key: Key, points: Record<Limited, number>): Promise<readonly Reservation[]> {
    const taken: Reservation[] = [];
    for (const window of WINDOWS) {
      const limit = window.limitOf(key.policy);
      if (limit === undefined) continue;
      const error = await take(key, { window, limit, wanted: points[window.limited] }, taken);
      if (error === undefined) continue;
      giveBack(key, taken);
      throw error;
    }
    return taken;
  }

  /** Adds what it takes to `taken`. Returns why it isn't allowed. */
  async function take(
    key: Key,
    { window, limit, wanted }: { readonly window: Window; readonly limit: number; readonly wanted: number },
    taken: Reservation[],
  ): Promise<Error | undefined> {
    const { limited, words } = window;
    const isMoney = limited === "money";
    // Of the cost only an estimate is known, and a budget that is spent refuses what costs nothing, too.
    if (wanted === 0 && !isMoney) return undefined;
    if (wanted > limit && !isMoney) return beyond(words, limited, limit, wanted);
    const { used, endsMs } = await add(key, window, wanted);
    taken.push({ window, points: wanted, endsMs });
    const before = used - wanted;
    if (isMoney ? before < limit : used <= limit) return undefined;
    const backMs = withJitter(Math.max(0, endsMs - now()));
    return isMoney
      ? spent(window, limit, before, backMs)
      : exhausted(words, limited, { limit, before, wanted, backMs });
  }

  /** Does nothing if the window has ended meanwhile, since the next one would begin with a negative count. */
  function change(key: Key, { window, endsMs }: Reservation, points: number): void {
    if (points !== 0 && now() < endsMs) void add(key, window, points);
  }

  function giveBack(key: Key, taken: readonly Reservation[]): void {
    for (const reservation of taken) change(key, reservation, -reservation.points);
  }

  function withJitter(ms: number): number {
    return Math.ceil(ms + random() * Math.min(MAX_JITTER_MS, ms / 10 + 100));
  }

  return {
    async begin(key, { requestId, model, tokens, money = 0 }) {
      let taken: readonly Reservation[];
      let isFirst: boolean;
      try {
        isFirst = enter(key, requestId);
      } catch (error) {
        usage.add(key, model, { refusals: 1 });
        throw error;
      }
      try {
        taken = await reserve(key, { requests: isFirst ? 1 : 0, tokens, money: Math.round(money * NANOS) });
      } catch (error) {
        leave(key, requestId);
        usage.add(key, model, { refusals: 1 });
        throw error;
      }
      let hasEnded = false;
      return {
        end(outcome, done) {
          if (hasEnded) return;
          hasEnded = true;
          leave(key, requestId);
          if (outcome === "refused") {
            giveBack(key, taken);
            usage.add(key, done[0].model ?? model, { refusals: isFirst ? 1 : 0 });
            return;
          }
          const used = {
            requests: undefined,
            tokens: done.reduce((sum, { used: { prompt, completion } }) => sum + prompt + completion, 0),
            money: done.reduce((sum, { cost }) => sum + nanosOf(cost), 0),
          };
          for (const reservation of taken) {
            const { window, points } = reservation;
            change(key, reservation, (used[window.limited] ?? points) - points);
          }
          for (const [index, { model: answered = model, used, cost }] of done.entries()) {
            const isCounted = isFirst && index === 0;
            usage.add(key, answered, {
              requests: isCounted ? 1 : 0,
              promptTokens: used.prompt,
              cachedTokens: used.cached,
              completionTokens: used.completion,
              errors: outcome === "failed" && isCounted ? 1 : 0,
              costNanos: nanosOf(cost),
              millijoules: Math.round((cost?.energy?.joules ?? 0) * 1_000),
            });
          }
        },
      };
    },
    view(key, limited) {
      const views = WINDOWS.filter((window) => window.limited === limited).flatMap((window) => {
        const limit = window.limitOf(key.policy);
        if (limit === undefined) return [];
        const count = counts.get(key.id)?.get(window);
        const resetMs = Math.max(0, (count?.endsMs ?? 0) - now());
        return { limit, remaining: resetMs === 0 ? limit : Math.max(0, limit - (count?.used ?? 0)), resetMs };
      });
      return views.reduce<LimitView | undefined>(
        (nearest, view) => (nearest === undefined || view.remaining < nearest.remaining ? view : nearest),
        undefined,
      );
    },
  };
}

function nanosOf(cost: Cost | undefined): number {
  return Math.round((cost?.money ?? 0) * NANOS);
}

function spent({ words, seconds }: Window, limit: number, used: number, retryAfterMs: number): BudgetSpentError {
  const next = seconds > 86_400 ? "with the next month" : "tomorrow";
  return new BudgetSpentError(
    `This API key has reached its budget for ${words}: US$${inDollars(limit)}, spent US$${inDollars(used)}. ` +
      `It can be used again ${next} (UTC), or with a larger budget.`,
    retryAfterMs,
  );
}

function inDollars(nanos: number): string {
  return Number((nanos / NANOS).toFixed(6)).toString();
}

function beyond(words: string, limited: "requests" | "tokens", limit: number, wanted: number): BeyondLimitError {
  return new BeyondLimitError(
    `Request too large for this API key on ${words}: limit ${limit}, requested about ${wanted}. Send less, or ask for fewer tokens with a lower max_tokens.`,
    limited,
  );
}

function exhausted(
  words: string,
  limited: "requests" | "tokens",
  { limit, before, wanted, backMs }: Readonly<Record<"limit" | "before" | "wanted" | "backMs", number>>,
) {
  const about = limited === "tokens" ? "about " : "";
  return new RateLimitedError(
    `Rate limit reached for this API key on ${words}: limit ${limit}, used ${Math.max(0, before)}, requested ${about}${wanted}.`,
    backMs,
    limited,
  );
}
