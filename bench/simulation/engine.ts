import type { Clock } from "../../src/clock.ts";
import { type Admission, createAdmission } from "../../src/queue/admission.ts";
import { type Bound, createBound } from "../../src/queue/bound.ts";
import { createModelQueue, type ModelQueue } from "../../src/queue/queue.ts";
import type { Random } from "../statistics.ts";

/** A model with its real queue and a simulated engine. */
export type SimulatedEngine = {
  readonly queue: ModelQueue;
  readonly admission: Admission;
  readonly bound: Bound;
  /** What a request of this size takes while `running` run: until its first token, and in all. */
  serviceMs(
    promptTokens: number,
    outputTokens: number,
    running: number,
  ): { readonly firstMs: number; readonly wholeMs: number };
};

export const SLOTS = 8;
const PREFILL_MS_PER_TOKEN = 0.2;
/** One sequence alone; each further one makes a step a tenth longer. */
const STEP_MS = 4;

export function createSimulatedEngine(clock: Clock, random: Random, total: Bound, maxWaitMs: number): SimulatedEngine {
  const queue = createModelQueue({ clock, slots: SLOTS, minSlots: 1, targetItlMs: 250 });
  const bound = createBound({ maxRequests: 256, maxTokens: 1_000_000, random });
  return {
    queue,
    bound,
    admission: createAdmission({ queue, bounds: [bound, total], maxWaitMs: () => maxWaitMs, clock }),
    serviceMs(promptTokens, outputTokens, running) {
      const firstMs = promptTokens * PREFILL_MS_PER_TOKEN * (0.8 + 0.4 * random());
      return { firstMs, wholeMs: firstMs + outputTokens * STEP_MS * (1 + (running - 1) / 10) };
    },
  };
}
