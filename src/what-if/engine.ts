import type { Clock } from "../clock.ts";
import { leastGiven, NO_SHARES, type Shares, withTenants, withWork } from "../fairness/shares.ts";
import type { Priority } from "../generation/terms.ts";
import type { Pace } from "./log.ts";

/** A sequence that an engine works on. */
export type Work = {
  readonly tenant: string;
  readonly class: Priority;
  prefillTokens: number;
  decodeTokens: number;
  /** The time of one of its steps, each time that this is known. */
  readonly onStep: (stepMs: number) => void;
  readonly onFirst: () => void;
  readonly onEnd: () => void;
};

/** An engine that takes time and does nothing, as the real one does: a step decodes all, and then evaluates a chunk of one prompt. */
export type SimulatedEngine = {
  readonly add: (work: Work) => void;
  /** Stops working on it. */
  readonly remove: (work: Work) => void;
};

/** About as many tokens of a prompt are evaluated in a step. */
const CHUNK_TOKENS = 64;
/** After so many steps it is decided anew whose prompt is next. */
const STEPS_A_TURN = 4;
const ROUNDING = 1e-6;

export function createSimulatedEngine(clock: Clock, pace: Pace): SimulatedEngine {
  const all = new Set<Work>();
  let shares: Shares = NO_SHARES;
  /** What goes on: steps of equal length, until something ends or comes. */
  let phase: { readonly sinceMs: number; readonly stepMs: number; readonly prompt: Work | undefined } | undefined;
  let cancel = () => {};

  const decoding = () => [...all].filter(({ prefillTokens }) => prefillTokens <= ROUNDING);

  /** Whose prompt is evaluated next: the tenant's that was given least, and of its prompts the shortest. */
  function choosePrompt(): Work | undefined {
    const prompts = Map.groupBy(
      [...all].filter(({ prefillTokens }) => prefillTokens > ROUNDING),
      ({ tenant }) => tenant,
    );
    if (prompts.size === 0) return undefined;
    shares = withTenants(shares, prompts);
    const mine = prompts.get(leastGiven(shares) ?? "") ?? [];
    return mine.reduce((least, each) => (each.prefillTokens < least.prefillTokens ? each : least));
  }

  /** Accounts for the steps that have passed. */
  function settle(): void {
    if (phase === undefined) return;
    const { sinceMs, stepMs, prompt } = phase;
    // What is told below may add or remove work.
    phase = undefined;
    const steps = (clock.now() - sinceMs) / stepMs;
    const running = decoding();
    for (const work of running) work.decodeTokens -= steps;
    if (prompt !== undefined) {
      const tokens = Math.min(prompt.prefillTokens, steps * CHUNK_TOKENS);
      prompt.prefillTokens -= tokens;
      shares = withWork(shares, prompt.tenant, prompt.class, tokens);
    }
    for (const work of running) work.onStep(stepMs);
    if (prompt === undefined || prompt.prefillTokens > ROUNDING || !all.has(prompt)) return;
    prompt.prefillTokens = 0;
    prompt.onFirst();
  }

  function begin(): void {
    cancel();
    const prompt = choosePrompt();
    const running = decoding();
    const decodeMs = running.length === 0 ? 0 : pace.stepMs + (running.length - 1) * pace.furtherMs;
    const stepMs = decodeMs + (prompt === undefined ? 0 : CHUNK_TOKENS * pace.prefillMs);
    if (running.length === 0 && prompt === undefined) return;
    const untilEnd = Math.min(...running.map(({ decodeTokens }) => Math.max(0, decodeTokens)));
    const steps =
      prompt === undefined ? untilEnd : Math.min(untilEnd, STEPS_A_TURN, prompt.prefillTokens / CHUNK_TOKENS);
    phase = { sinceMs: clock.now(), stepMs, prompt };
    cancel = clock.after(steps * stepMs, advance);
  }

  function advance(): void {
    settle();
    for (const work of decoding()) {
      if (work.decodeTokens > ROUNDING || !all.delete(work)) continue;
      work.onEnd();
    }
    begin();
  }

  return {
    add(work) {
      settle();
      all.add(work);
      begin();
    },
    remove(work) {
      settle();
      all.delete(work);
      begin();
    },
  };
}
