import { randomUUID } from "node:crypto";
import type { Generate } from "../generation/layer.ts";
import type { Observe } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import type { PresetLog } from "./library.ts";
import type { WarmRequest, WarmRequests } from "./warm-requests.ts";

/** The progress of the warm-up. */
type WarmUpState = {
  /** The presets still to warm, including the one in progress. */
  readonly waiting: number;
  /** Whether a request is running. */
  readonly isRunning: boolean;
  /** The answers generated since the start. */
  readonly answers: number;
  /** The presets of which only the system text and the examples were evaluated since the start. */
  readonly prefixes: number;
};

/** Warms presets, one request at a time, while the gateway is idle. */
export type WarmUp = {
  /** Warms the presets with these ids. A waiting one keeps its position; one in progress is restarted. */
  readonly add: (ids: Iterable<string>) => void;
  /** As `add`, without the one in progress and those that failed: a request that crashed an engine is not retried automatically. */
  readonly addUnlessFailed: (ids: Iterable<string>) => void;
  readonly state: () => WarmUpState;
  /** Stops at once and for good. */
  readonly stop: () => void;
};

/** A model's time in memory. */
export type Stay = {
  /** Aborted once the model is put out. */
  readonly over: AbortSignal;
  /** To be called when nobody needs to know any more. */
  readonly end: () => void;
};

export type WarmUpOptions = {
  /** The requests for a preset; undefined if it was removed or its models are not served. */
  readonly plan: (id: string) => WarmRequests | undefined;
  /** Undefined if the model is not in memory now: nothing is loaded for a warm-up. */
  readonly stayOf: (model: string) => Stay | undefined;
  readonly generate: Generate;
  /** Whether the cache would keep the answer for clients that send the same request. */
  readonly isKept: (request: WarmRequest) => boolean;
  /** Resolves once no request was running for `ms`. The result is aborted when the next request arrives. */
  readonly quiet: (ms: number, signal: AbortSignal) => Promise<AbortSignal>;
  readonly log: PresetLog;
  /** A monotonic clock in ms. */
  readonly now?: () => number;
};

/** The idle time before warming. If it were much shorter, each request of a series would interrupt the warm-up. */
export const QUIET_MS = 1_000;

const WARM_UP_TERMS: Terms = { tenant: OWN_TERMS.tenant, priority: "batch", isWarmUp: true };

/** Creates a warm-up. It is idle until presets are added. */
export function createWarmUp(options: WarmUpOptions): WarmUp {
  const { plan, stayOf, generate, isKept, quiet, log, now = () => performance.now() } = options;
  const stopped = new AbortController();
  const waiting = new Set<string>();
  const failed = new Set<string>();
  let current: string | undefined;
  /** Aborted once a request arrives after the last idle time. */
  let undisturbed = AbortSignal.abort();
  let hasBegun = false;
  let isRunning = false;
  let answers = 0;
  let prefixes = 0;

  /**
   * Returns whether the answer was generated, rather than found in the cache; undefined if its model is not in memory any more: its presets are
   * added again when it is. Restarts after an interruption.
   */
  async function runOne(request: WarmRequest): Promise<boolean | undefined> {
    for (;;) {
      if (undisturbed.aborted) undisturbed = await quiet(QUIET_MS, stopped.signal);
      const stay = stayOf(request.model);
      if (stay === undefined) return undefined;
      const signal = AbortSignal.any([stopped.signal, undisturbed, stay.over]);
      isRunning = true;
      try {
        return await exhaust(generate, { ...request, id: newId(), terms: WARM_UP_TERMS, signal });
      } catch (error) {
        if (stopped.signal.aborted) throw error;
        if (stay.over.aborted) return undefined;
        if (!undisturbed.aborted) throw error;
      } finally {
        stay.end();
        isRunning = false;
      }
    }
  }

  async function warm(id: string): Promise<void> {
    const { answers: likely, prefix } = plan(id) ?? { answers: [], prefix: undefined };
    let generated = 0;
    for (const request of likely.filter(isKept)) {
      const isNew = await runOne(request);
      if (isNew === undefined) return;
      if (isNew) {
        generated += 1;
        answers += 1;
      }
      // The preset was added again meanwhile and will be warmed in its current version.
      if (waiting.has(id)) return;
    }
    // A generated answer has evaluated the prefix already.
    if (generated > 0 || prefix === undefined) return;
    if ((await runOne(prefix)) !== undefined) prefixes += 1;
  }

  async function runAll(): Promise<void> {
    const startedMs = now();
    undisturbed = AbortSignal.abort();
    const before = { answers, prefixes };
    for (const [id] of waiting.entries()) {
      waiting.delete(id);
      current = id;
      try {
        await warm(id);
      } catch (error) {
        if (stopped.signal.aborted) return;
        failed.add(id);
        log.error({ preset: id, err: error }, "the preset could not be warmed");
      }
    }
    current = undefined;
    const done = { answers: answers - before.answers, prefixes: prefixes - before.prefixes };
    log.info({ ...done, ms: Math.round(now() - startedMs) }, "the presets are warm");
  }

  function begin(): void {
    if (hasBegun || stopped.signal.aborted || waiting.size === 0) return;
    hasBegun = true;
    void runAll().finally(() => {
      hasBegun = false;
      current = undefined;
      begin();
    });
  }

  function add(ids: Iterable<string>): void {
    for (const id of ids) {
      failed.delete(id);
      waiting.add(id);
    }
    begin();
  }

  return {
    add,
    addUnlessFailed: (ids) => add([...ids].filter((id) => !failed.has(id) && id !== current)),
    state() {
      const inProgress = current === undefined || waiting.has(current) ? 0 : 1;
      return { waiting: waiting.size + inProgress, isRunning, answers, prefixes };
    },
    stop: () => stopped.abort(),
  };
}

async function exhaust(generate: Generate, request: GenerationRequest): Promise<boolean> {
  let isThere = false;
  const observe: Observe = (news) => {
    if (news.type === "cache") isThere = news.outcome.type === "hit";
  };
  for await (const _ of generate({ ...request, observe })) {
    if (isThere) return false;
  }
  return true;
}

function newId(): string {
  return `warm_${randomUUID().replaceAll("-", "")}`;
}
