import type { Logger } from "pino";
import type { UsageRow, UsageStore } from "../store/usage.ts";
import type { Key } from "./key.ts";

/** What one request adds to the usage. */
export type Figures = Partial<Omit<UsageRow, "day" | "key" | "name" | "model">>;

/** Records the usage of keys, and writes it in batches. */
export type UsageBook = {
  readonly add: (key: Key, model: string, figures: Figures) => void;
  /** Writes pending rows. If that fails, they are kept for the next try. */
  readonly flush: () => void;
};

export type UsageBookOptions = {
  readonly store: Pick<UsageStore, "add">;
  readonly logger: Pick<Logger, "warn">;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** The longest delay before usage is on disk, so a crash loses at most this much. */
const FLUSH_AFTER_MS = 2_000;
/** How long usage is kept: over a year, so that months can be compared. */
const KEPT_DAYS = 400;
/** The most rows that wait while the disk can't be written; more are dropped. */
const MAX_WAITING_ROWS = 10_000;
const DAY_MS = 86_400_000;

export function createUsageBook({ store, logger, now = Date.now }: UsageBookOptions): UsageBook {
  const waiting = new Map<string, UsageRow>();
  let timer: NodeJS.Timeout | undefined;
  let hasFailed = false;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.size === 0) return;
    try {
      store.add([...waiting.values()], dayOf(now() - KEPT_DAYS * DAY_MS));
      waiting.clear();
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) logger.warn({ err: error }, "the usage of keys can't be written now; trying again later");
      hasFailed = true;
    }
  }

  function flushSoon(): void {
    timer ??= setTimeout(() => {
      flush();
      if (waiting.size > 0) flushSoon();
    }, FLUSH_AFTER_MS).unref();
  }

  return {
    add(key, model, figures) {
      const day = dayOf(now());
      const place = JSON.stringify([day, key.id, model]);
      const before = waiting.get(place);
      if (before === undefined && waiting.size >= MAX_WAITING_ROWS) return;
      waiting.set(place, sum(before ?? emptyRow(day, key, model), figures));
      flushSoon();
    },
    flush,
  };
}

/** The day in UTC, such as `2026-11-22`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function emptyRow(day: string, { id, name }: Key, model: string): UsageRow {
  const tokens = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  const figures = { requests: 0, ...tokens, errors: 0, refusals: 0, costNanos: 0, millijoules: 0 };
  return { day, key: id, name, model, ...figures };
}

function sum(row: UsageRow, more: Figures): UsageRow {
  return {
    ...row,
    requests: row.requests + (more.requests ?? 0),
    promptTokens: row.promptTokens + (more.promptTokens ?? 0),
    cachedTokens: row.cachedTokens + (more.cachedTokens ?? 0),
    completionTokens: row.completionTokens + (more.completionTokens ?? 0),
    errors: row.errors + (more.errors ?? 0),
    refusals: row.refusals + (more.refusals ?? 0),
    costNanos: row.costNanos + (more.costNanos ?? 0),
    millijoules: row.millijoules + (more.millijoules ?? 0),
  };
}
