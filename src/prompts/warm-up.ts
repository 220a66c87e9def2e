import { randomUUID } from "node:crypto";
import type { Generate } from "../generation/layer.ts";
import type { Observe } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import type { PresetLog } from "./library.ts";
import type { WarmRequest, WarmRequests } from "./warm-requests.ts";

/** How far the warm-up is. */
type WarmUpState = {
  /** Presets that are still to be warmed, the one in progress included. */
  readonly waiting: number;
  /** Whether the engine works for it now. */
  readonly isRunning: boolean;
  /** Answers that were generated since the start. */
  readonly answers: number;
  /** Presets whose system text and examples alone were evaluated since the start. */
  readonly prefixes: number;
};

/** Work on presets before anybody asks them, one request at a time, and only while nobody else is served. */
export type WarmUp = {
  /** Warms the presets with these ids. One that waits keeps its place; one in progress is begun anew. */
  readonly add: (ids: Iterable<string>) => void;
  /** Like `add`, but leaves out the one in progress and those that failed: a request that crashed an engine is not retried by itself. */
  readonly addUnlessFailed: (ids: Iterable<string>) => void;
  readonly state: () => WarmUpState;
  /** Ends it at once, and for good. */
  readonly stop: () => void;
};

export type WarmUpOptions = {
  /** What is to be done for a preset; undefined for one that is no more, or whose models are not served. */
  readonly plan: (id: string) => WarmRequests | undefined;
  readonly generate: Generate;
  /** Whether the cache would keep the answer, where those find it who send the same request. */
  readonly isKept: (request: WarmRequest) => boolean;
  /** Resolves when nobody was served for so long, in ms from now, with a signal that is aborted when somebody comes. */
  readonly quiet: (ms: number, signal: AbortSignal) => Promise<AbortSignal>;
  readonly log: PresetLog;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
};

/** Who asks again within this time finds the engine free. Far less, and somebody who asks one thing after another would meet the warm-up each time. */
export const QUIET_MS = 1_000;

const WARM_UP_TERMS: Terms = { tenant: OWN_TERMS.tenant, priority: "batch", isWarmUp: true };

/** Nothing runs until presets are added. */
export function createWarmUp(options: WarmUpOptions): WarmUp {
  const { plan, generate, isKept, quiet, log, now = () => performance.now() } = options;
  const stopped = new AbortController();
  const waiting = new Set<string>();
  const failed = new Set<string>();
  let current: string | undefined;
  /** Not aborted as long as nobody has come since it was last quiet. */
  let undisturbed = AbortSignal.abort();
  let hasBegun = false;
  let isRunning = false;
  let answers = 0;
  let prefixes = 0;

  /** Whether it was generated: not if it was there already. Begins again when it had to give way. */
  async function runOne(request: WarmRequest): Promise<boolean> {
    for (;;) {
      if (undisturbed.aborted) undisturbed = await quiet(QUIET_MS, stopped.signal);
      const signal = AbortSignal.any([stopped.signal, undisturbed]);
      isRunning = true;
      try {
        return await exhaust(generate, { ...request, id: newId(), terms: WARM_UP_TERMS, signal });
      } catch (error) {
        if (stopped.signal.aborted || !undisturbed.aborted) throw error;
      } finally {
        isRunning = false;
      }
    }
  }

  async function warm(id: string): Promise<void> {
    const { answers: likely, prefix } = plan(id) ?? { answers: [], prefix: undefined };
    let generated = 0;
    for (const request of likely.filter(isKept)) {
      if (await runOne(request)) {
        generated += 1;
        answers += 1;
      }
      // It was added again meanwhile, in its current form.
      if (waiting.has(id)) return;
    }
    // An answer that is generated leaves the evaluated prompt behind by itself.
    if (generated > 0 || prefix === undefined) return;
    await runOne(prefix);
    prefixes += 1;
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
