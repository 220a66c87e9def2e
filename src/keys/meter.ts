import { BeyondLimitError, RateLimitedError } from "../generation/errors.ts";
import type { Count, Counters } from "./counters.ts";
import type { Key } from "./key.ts";
import type { UsageBook } from "./usage.ts";
import { type Limited, WINDOWS, type Window } from "./windows.ts";

/** Work that is about to start for a key. */
export type Work = {
  /** Several pieces of work may belong to one request, which counts once. */
  readonly requestId: string;
  readonly model: string;
  /** The estimated number of tokens. */
  readonly tokens: number;
};

/** The tokens really used. */
export type Used = { readonly prompt: number; readonly cached: number; readonly completion: number };

/** How work has ended. `refused`: the server was overloaded. `left`: the client went away. */
export type Outcome = "done" | "failed" | "refused" | "left";

/** Work that was admitted. */
export type Charge = {
  /** Replaces the estimate by what was used. Only the first call counts. @param model the one that answered, if another than that of the work */
  readonly end: (outcome: Outcome, used: Used, model?: string) => void;
};

/** How much of a limit is left, and when it is reset. */
export type LimitView = { readonly limit: number; readonly remaining: number; readonly resetMs: number };

export type Meter = {
  /** Reserves the estimate. Throws `RateLimitedError` or `BeyondLimitError`, which name the limit, and then reserves nothing. */
  readonly begin: (key: Key, work: Work) => Promise<Charge>;
  /** The limit of this kind with the least left, as far as this gateway knows; undefined if the key has none. */
  readonly view: (key: Key, limited: Limited) => LimitView | undefined;
};

export type MeterOptions = {
  readonly counters: Counters;
  readonly usage: Pick<UsageBook, "add">;
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
export function createMeter({ counters, usage, now = Date.now, random = Math.random }: MeterOptions): Meter {
  /** For each key, how many pieces of each of its requests are in progress. */
  const inHand = new Map<string, Map<string, number>>();
  const counts = new Map<string, Map<Window, Count>>();
  /** Each key's latest request, since one that is retried with a shorter prompt counts once. */
  const latest = new Map<string, string>();

  async function add(key: Key, window: Window, points: number): Promise<Count> {
    const count = await counters.add(window, key.id, points);
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
      const wanted = points[window.limited];
      if (limit === undefined || wanted === 0) continue;
      if (wanted > limit) {
        giveBack(key, taken);
        throw beyond(window, limit, wanted);
      }
      const { used, endsMs } = await add(key, window, wanted);
      taken.push({ window, points: wanted, endsMs });
      if (used > limit) {
        giveBack(key, taken);
        throw exhausted(window, limit, used - wanted, wanted, withJitter(Math.max(0, endsMs - now())));
      }
    }
    return taken;
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
    async begin(key, { requestId, model, tokens }) {
      let taken: readonly Reservation[];
      let isFirst: boolean;
      try {
        isFirst = enter(key, requestId);
      } catch (error) {
        usage.add(key, model, { refusals: 1 });
        throw error;
      }
      try {
        taken = await reserve(key, { requests: isFirst ? 1 : 0, tokens });
      } catch (error) {
        leave(key, requestId);
        usage.add(key, model, { refusals: 1 });
        throw error;
      }
      let hasEnded = false;
      return {
        end(outcome, used, answered = model) {
          if (hasEnded) return;
          hasEnded = true;
          leave(key, requestId);
          if (outcome === "refused") {
            giveBack(key, taken);
            usage.add(key, answered, { refusals: isFirst ? 1 : 0 });
            return;
          }
          for (const reservation of taken) {
            if (reservation.window.limited === "tokens") {
              change(key, reservation, used.prompt + used.completion - reservation.points);
            }
          }
          usage.add(key, answered, {
            requests: isFirst ? 1 : 0,
            promptTokens: used.prompt,
            cachedTokens: used.cached,
            completionTokens: used.completion,
            errors: outcome === "failed" && isFirst ? 1 : 0,
          });
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

function beyond({ words, limited }: Window, limit: number, wanted: number): BeyondLimitError {
  return new BeyondLimitError(
    `Request too large for this API key on ${words}: limit ${limit}, requested about ${wanted}. Send less, or ask for fewer tokens with a lower max_tokens.`,
    limited,
  );
}

function exhausted({ words, limited }: Window, limit: number, used: number, wanted: number, retryAfterMs: number) {
  const about = limited === "tokens" ? "about " : "";
  return new RateLimitedError(
    `Rate limit reached for this API key on ${words}: limit ${limit}, used ${Math.max(0, used)}, requested ${about}${wanted}.`,
    retryAfterMs,
    limited,
  );
}
