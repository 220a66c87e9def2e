import type { Grammar } from "../../generation/request.ts";
import type { Batcher } from "../contract/native.ts";
import { findBans, type Vocabulary } from "./bans.ts";
import type { NativeBindings, NativeContext, NativeModel } from "./binding.ts";
import type { Constraint } from "./constraint.ts";
import { createDrawClock } from "./draw-clock.ts";
import { createConstrainedSampler, createSampler, createWordlessSampler } from "./sampler.ts";
import { samplerConfig } from "./sampling.ts";
import { createScorer } from "./scorer.ts";
import type { ThreadTuner } from "./threads.ts";

/** From this batch size on, more threads are always faster, as long as each has a core. */
const SCALING_TOKENS = 16;

/**
 * From this position on, flash attention on CPUs splits the cache of a single token among the threads, so that its logits depend on their
 * number. With one thread they are bit-identical to those in a batch with other tokens (docs/decisions/007-exactness.md).
 */
export const SHARED_CACHE_POSITION = 256;

/** The batch calls of one context. */
export function createBatcher(
  context: NativeContext,
  model: NativeModel,
  bindings: NativeBindings,
  {
    slots,
    contextTokens,
    maxBatchTokens,
    tuner,
    exactThreads,
    constrain,
    silentTokens,
    vocabulary,
  }: Pick<Batcher, "slots" | "contextTokens" | "maxBatchTokens"> & {
    readonly tuner: ThreadTuner;
    /** The number of threads for an exact evaluation of a single token beyond that position. Undefined means any number. */
    readonly exactThreads: number | undefined;
    readonly constrain: (grammar: Grammar) => Constraint;
    /** Control tokens that don't end the output. A grammar would match their spelling, which is not part of the text. */
    readonly silentTokens: readonly number[];
    readonly vocabulary: Vocabulary;
  },
): Batcher {
  const clock = createDrawClock();
  const noLogits = new Uint32Array(0);
  let batchTokens = 0;
  let farthest = 0;
  let exactly = false;
  /** The slots in the batch, ascending. */
  let slotsInBatch: number[] = [];
  let currentThreads: number | undefined;
  return {
    slots,
    contextTokens,
    maxBatchTokens,
    beginBatch(tokenCount, exact) {
      context.initBatch(tokenCount);
      batchTokens = tokenCount;
      farthest = 0;
      exactly = exact;
      slotsInBatch = [];
    },
    addToBatch(slot, position, tokens, wantLogits) {
      farthest = Math.max(farthest, position);
      slotsInBatch.push(slot);
      const wanted = wantLogits ? Uint32Array.of(tokens.length - 1) : noLogits;
      return context.addToBatch(slot, position, Uint32Array.from(tokens), wanted)[0] ?? -1;
    },
    addScored(slot, position, tokens) {
      farthest = Math.max(farthest, position);
      slotsInBatch.push(slot);
      const all = Uint32Array.from(tokens, (_, index) => index);
      return Array.from(context.addToBatch(slot, position, Uint32Array.from(tokens), all));
    },
    async decode() {
      // The cost of attention grows with the position, so only calls at similar positions (within a factor of 2) are compared.
      const shape = `${batchTokens}@${Math.floor(Math.log2(1 + farthest / 256))}`;
      const given =
        exactly && farthest >= SHARED_CACHE_POSITION && hasLoneToken(slotsInBatch, batchTokens)
          ? exactThreads
          : undefined;
      const threads = given ?? tuner.choose(shape, batchTokens >= SCALING_TOKENS);
      if (threads !== currentThreads) context.setThreads(threads);
      currentThreads = threads;
      const startedAt = performance.now();
      await context.decodeBatch();
      clock.mark();
      tuner.record(shape, threads, performance.now() - startedAt);
    },
    truncate(slot, length) {
      if (length > 0 && context.removeTokenCellsFromSequence(slot, length, -1)) return true;
      context.disposeSequence(slot);
      return length === 0;
    },
    async copy(target, source) {
      await context.copySequenceStateFromOtherSequence(target, source);
    },
    save: (slot, path, tokens) => context.saveSequenceStateToFile(path, slot, Uint32Array.from(tokens)),
    async load(slot, path) {
      context.disposeSequence(slot);
      await context.loadSequenceStateFromFile(path, slot, contextTokens);
    },
    createScorer: (topCount) => createScorer(context, model, bindings, topCount),
    createSampler(request, prompt) {
      const { sampling, grammar, showControlTokens = false } = request;
      const native = new bindings.AddonSampler(model);
      const { always = [], early = [], words } = findBans(request, vocabulary) ?? {};
      const configBanning = (tokens: readonly number[]) =>
        samplerConfig(sampling, prompt, { always: [...always, ...tokens], early });
      if (grammar !== undefined) {
        const silent = showControlTokens ? [] : silentTokens;
        return createConstrainedSampler(context, native, { configBanning, words }, constrain(grammar), silent, clock);
      }
      return words === undefined
        ? createSampler(context, native, configBanning([]))
        : createWordlessSampler(context, native, configBanning, words);
    },
  };
}

/** Whether llama.cpp evaluates a token of the batch separately: it joins only consecutive slots. */
function hasLoneToken(slots: readonly number[], batchTokens: number): boolean {
  if (batchTokens > slots.length) return false;
  return slots.some((slot, index) => slots[index - 1] !== slot - 1 && slots[index + 1] !== slot + 1);
}
