import type { SequenceRequest, SequenceUpdate } from "../contract/messages.ts";
import type { Batcher, Tokenizer, TokenScores } from "../contract/native.ts";
import { type Drawn, describePiece, drawAfter, scorePiece } from "./draw.ts";
import { type Boundary, headTokensOf } from "./head.ts";
import { describeScores } from "./logprobs.ts";
import type { Placement } from "./placement.ts";
import { canWait, plan, type Work, wantsLogits } from "./plan.ts";
import { charge, NOBODY_SERVED } from "./prefill-order.ts";
import { createPrefillPace, createPrefillShare, type PrefillPace, type PrefillShare } from "./prefill-pace.ts";
import type { PrefixStore } from "./prefix-store.ts";
import {
  acceptToken,
  createSequence,
  endSequence,
  mayShare,
  nextReplayedToken,
  type Sequence,
  timesOf,
} from "./sequence.ts";
import { SlotKeeper } from "./slot-keeper.ts";

type SchedulerOptions = {
  readonly batcher: Batcher;
  readonly tokenizer: Tokenizer;
  /** Prompts are cut at multiples of this. */
  readonly prefillChunkTokens: number;
  /** How long prompts may hold up a step of the decoding sequences, in ms; what must be exact takes a chunk in any case. */
  readonly prefillPauseMs: number;
  /** Which share of the time prompts may take while sequences decode; above 0, 1 is all that they need. */
  readonly prefillShare: number;
  /** Keeps what slots lose. */
  readonly prefixStore: PrefixStore;
  /** As `findBoundary` has it; without one, prompts have no heads. */
  readonly boundary?: Boundary | undefined;
  /** Called once for each native call that brought anything, with every sequence's news. */
  readonly report: (updates: SequenceUpdate[]) => void;
  /** Called for a sequence whose grammar takes too long, which has left; nothing more is reported for it. */
  readonly reject: (id: number, reason: string) => void;
};

/**
 * Runs many sequences through one context, continuously batched: a sequence joins at the next step and leaves as soon as it ends.
 *
 * waiting → (admit: a slot) → prefill, chunk by chunk → decode, one token a step → finished. Slots keep what they hold.
 *
 * A step decodes one token of every sequence that is past its prompt, in one native call, and then evaluates about one chunk of
 * the others' prompts. Prompts and decodes never share a call: llama.cpp would evaluate them apart anyway (unequal lengths
 * are split), would cut the chunk's first token off, and the answer would depend on the company (docs/decisions/007-exactness.md).
 */
export class Scheduler {
  readonly #given: SchedulerOptions;
  readonly #pace: PrefillPace;
  readonly #timeShare: PrefillShare;
  readonly #keeper: SlotKeeper;
  readonly #waiting = new Map<number, Sequence>();
  readonly #running = new Map<number, Sequence>();
  /** Cancelled in mid-step: what they hold is in native hands until the step ends. */
  readonly #leaving: Sequence[] = [];
  #prefillOrder = NOBODY_SERVED;
  #wake: (() => void) | undefined;
  #stopped = false;
  #decodingSince: number | undefined;
  /** What the last call brought, not yet told. */
  #news: SequenceUpdate[] = [];

  constructor(given: SchedulerOptions) {
    const { batcher, prefillChunkTokens: chunkTokens, prefillPauseMs: targetMs, prefixStore } = given;
    this.#given = given;
    this.#pace = createPrefillPace({ chunkTokens, maxTokens: batcher.maxBatchTokens, targetMs });
    this.#timeShare = createPrefillShare(given.prefillShare);
    this.#keeper = new SlotKeeper({ batcher, prefixStore, chunkTokens });
  }

  /** When the native call in progress began, by `performance.now()`; undefined between calls. */
  get decodingSince(): number | undefined {
    return this.#decodingSince;
  }

  /** How many sequences wait and run, and what the slots hold: for tests and logs. */
  get load(): { waiting: number; running: number; slotTokens: number[] } {
    return {
      waiting: this.#waiting.size,
      running: this.#running.size,
      slotTokens: this.#keeper.slots.map((slot) => slot.tokens.length),
    };
  }

  /** How many of a prompt's first tokens would need no evaluation now. */
  heldTokens(prompt: readonly number[]): number {
    return this.#keeper.heldTokens(prompt);
  }

  /** Queues a sequence. The prompt must be shorter than the context. */
  submit(request: SequenceRequest, prompt: readonly number[]): void {
    const headTokens = headTokensOf(prompt, this.#given.boundary);
    this.#waiting.set(request.id, createSequence(request, prompt, this.#given.tokenizer, headTokens));
    this.#wake?.();
  }

  /** Forgets a sequence: at once, or after the step in progress. Nothing more is reported for it. An unknown id is ignored. */
  cancel(id: number): void {
    this.#waiting.delete(id);
    this.#news = this.#news.filter((update) => update.id !== id);
    const sequence = this.#running.get(id);
    if (sequence === undefined) return;
    if (this.#decodingSince === undefined) this.#release(sequence);
    else {
      this.#running.delete(id);
      this.#leaving.push(sequence);
    }
  }

  /** Ends `run` after the step in progress. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Steps until stopped. Rejects if a native call fails: the state of the context is then unknown. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#admit();
      const decodes = this.#plan("decode");
      if (decodes.length > 0) {
        const startedAt = performance.now();
        await this.#evaluate(decodes);
        this.#timeShare.decoded(performance.now() - startedAt);
        if (!this.#timeShare.mayPrefill()) continue;
      }
      const isPaced = decodes.length > 0 || canWait([...this.#running.values()]);
      const startedAt = performance.now();
      const prefilledTokens = await this.#prefill(
        isPaced ? this.#pace.budgetTokens() : this.#given.batcher.maxBatchTokens,
      );
      if (decodes.length > 0) this.#timeShare.prefilled(performance.now() - startedAt);
      if (decodes.length === 0 && prefilledTokens === 0) await this.#somethingToDo();
    }
    this.#sendNews();
    for (const sequence of this.#running.values()) this.#release(sequence);
  }

  /**
   * First come, first served: gives the free slots away. One that begins like a prompt which is just being evaluated waits for
   * it, since it could only have its turn after that one, and then has the beginning for the price of a copy.
   */
  async #admit(): Promise<void> {
    for (const sequence of [...this.#waiting.values()]) {
      const placement = this.#keeper.choose(sequence, this.#running.values());
      if (placement === undefined) return;
      if (this.#keeper.isWorthWaiting(sequence, placement, this.#running.values())) continue;
      await this.#place(sequence, placement);
    }
  }

  async #place(sequence: Sequence, placement: Placement): Promise<void> {
    const { request, prompt } = sequence;
    const kept = await this.#keeper.fill(sequence, placement);
    // It may have been cancelled meanwhile.
    if (!this.#waiting.delete(request.id)) return;
    sequence.slot = placement.slot;
    sequence.placedAt = performance.now();
    sequence.cachedTokens = Math.min(kept, prompt.length);
    sequence.sampler = this.#given.batcher.createSampler(request, prompt);
    for (const token of request.replay) sequence.sampler.accept(token);
    if (request.logprobs !== undefined) sequence.scorer = this.#given.batcher.createScorer(request.logprobs);
    if (sequence.scoresPrompt) sequence.promptScorer = this.#given.batcher.createScorer(request.promptScores?.top ?? 0);
    this.#running.set(request.id, sequence);
  }

  /** What the next native call is to evaluate in this turn. */
  #plan(turn: "decode" | number): readonly Work[] {
    const running = [...this.#running.values()];
    const { work, order } = plan({
      running,
      turn,
      order: this.#prefillOrder,
      chunkTokens: this.#given.prefillChunkTokens,
    });
    this.#prefillOrder = order;
    return work;
  }

  /** Evaluates prompts until `budgetTokens` are used, or a little more. Returns how many tokens that were. */
  async #prefill(budgetTokens: number): Promise<number> {
    let evaluatedTokens = 0;
    for (;;) {
      const [chunk] = this.#plan(budgetTokens - evaluatedTokens);
      if (chunk === undefined) return evaluatedTokens;
      const startedAt = performance.now();
      const [logitIndex = -1] = await this.#evaluate([chunk]);
      evaluatedTokens += this.#account(chunk, performance.now() - startedAt);
      if (logitIndex >= 0) await this.#share(chunk, logitIndex);
    }
  }

  /** Takes in what a chunk took, for whoever decides what is next. Returns its price in tokens. */
  #account({ sequence, tokens, isScored = false }: Work, ms: number): number {
    // To score a token takes about as long as to evaluate it, and says nothing of how fast others are.
    const cost = tokens.length * (isScored ? 2 : 1);
    if (!isScored) this.#pace.record(tokens.length, ms);
    this.#prefillOrder = charge(this.#prefillOrder, sequence, cost);
    return cost;
  }

  /** Lets those in who wait with the very same prompt: they copy what was evaluated, and draw from the same logits. */
  async #share({ sequence: first, slot: source }: Work, logitIndex: number): Promise<void> {
    const alike = [...this.#waiting.values()].filter((sequence) => mayShare(sequence, first));
    for (const sequence of alike) {
      const placement = this.#keeper.chooseCopy(sequence, source, this.#running.values());
      if (placement !== undefined) await this.#place(sequence, placement);
    }
    const work = alike.flatMap((sequence) => {
      const { slot } = sequence;
      return slot === undefined ? [] : [{ sequence, slot, tokens: [], wantLogits: wantsLogits(sequence) }];
    });
    this.#decodingSince = performance.now();
    const drawn = await Promise.all(work.map((item) => drawAfter(item, logitIndex)));
    this.#settle(work, drawn);
  }

  /** Evaluates and draws. Returns where the logits are after each part's last token, −1 where they weren't wanted. */
  async #evaluate(work: readonly Work[]): Promise<readonly number[]> {
    const batcher = this.#given.batcher;
    for (const { slot, isOffCut } of work) {
      if (isOffCut === true) slot.exactTokens = Math.min(slot.exactTokens, slot.tokens.length);
    }
    batcher.beginBatch(
      work.reduce((sum, { tokens }) => sum + tokens.length, 0),
      work.some(({ sequence }) => sequence.exactness === "exact"),
    );
    const all = work.map(({ slot, tokens, wantLogits, isScored = false }) =>
      isScored
        ? batcher.addScored(slot.index, slot.tokens.length, tokens)
        : [batcher.addToBatch(slot.index, slot.tokens.length, tokens, wantLogits)],
    );
    const logits = all.map((indexes, index) => (work[index]?.wantLogits === true ? (indexes.at(-1) ?? -1) : -1));

    this.#decodingSince = performance.now();
    // The draws are asked for before the evaluation has ended, and run right after it without a way through this thread.
    const evaluated = batcher.decode();
    const draws = work.map((item, index) => drawAfter(item, logits[index] ?? -1));
    const scoring = work.map((item, index) =>
      item.isScored === true ? scorePiece(item, all[index] ?? []) : undefined,
    );
    this.#sendNews();
    const [, ...drawn] = await Promise.all([evaluated, ...draws]);
    const scores = await Promise.all(scoring);
    for (const [index, item] of work.entries()) {
      const scored = scores[index];
      if (scored !== undefined) this.#noteScores(item, scored);
      for (const token of item.tokens) item.slot.tokens.push(token);
    }
    this.#settle(work, drawn);
    return logits;
  }

  /** Takes in what a native call brought, and lets those go who were cancelled during it. */
  #settle(work: readonly Work[], drawn: readonly (Drawn | undefined)[]): void {
    work.forEach((item, index) => {
      this.#advance(item, drawn[index]);
    });
    this.#decodingSince = undefined;
    for (const sequence of this.#leaving.splice(0)) this.#release(sequence);
  }

  /**
   * Reports what the last calls brought. It is done while the next one runs: telling the host takes the time of a tenth of a small
   * model's step, in which the cores would have nothing to evaluate.
   */
  #sendNews(): void {
    if (this.#news.length === 0) return;
    const news = this.#news;
    this.#news = [];
    this.#given.report(news);
  }

  /** Takes one sequence past what was evaluated: the token that was drawn after it, if any, its text, its end. */
  #advance({ sequence, slot }: Work, drawn: Drawn | undefined): void {
    const { request, prompt, prefill, output } = sequence;
    if (slot.tokens.length < prefill.length) return;
    sequence.prefilledAt ??= performance.now();
    if (request.maxTokens === 0 && this.#running.has(request.id)) {
      this.#release(sequence);
      this.#news.push({
        ...this.#begin(sequence),
        tokens: [],
        text: "",
        finished: { reason: "length", completionTokens: 0 },
        times: timesOf(sequence),
      });
    }

    // Tokens from before a crash are taken as said, as far as they were evaluated.
    while (output.length <= slot.tokens.length - prompt.length) {
      const replayed = nextReplayedToken(sequence);
      if (replayed === undefined) break;
      this.#accept(sequence, replayed, drawn?.replayed ? drawn.scores : undefined);
    }
    if (drawn === undefined || drawn.replayed || !this.#running.has(request.id)) return;

    const { token, scores } = drawn;
    if (token === undefined && sequence.sampler?.fault !== undefined) {
      const { fault } = sequence.sampler;
      this.#release(sequence);
      this.#sendNews();
      this.#given.reject(request.id, fault);
      return;
    }
    const { text, logprobs, finished, stopString } =
      token === undefined ? endSequence(sequence, "stop") : this.#accept(sequence, token, scores);
    if (finished !== undefined) this.#release(sequence);
    this.#news.push({
      ...this.#begin(sequence),
      tokens: token === undefined ? [] : [token],
      text,
      ...(logprobs.length > 0 && { logprobs }),
      ...(finished && {
        finished: {
          reason: finished,
          completionTokens: output.length,
          ...(stopString !== undefined && { stopString }),
        },
        times: timesOf(sequence),
      }),
    });
  }

  /** How a sequence's news begin. */
  #begin(sequence: Sequence): Pick<SequenceUpdate, "id" | "started"> {
    const { request, prompt, cachedTokens, announced } = sequence;
    sequence.announced = true;
    return { id: request.id, ...(!announced && { started: { promptTokens: prompt.length, cachedTokens } }) };
  }

  /** Before the slot has the tokens of `item`. */
  #noteScores(item: Work, scores: readonly (TokenScores | undefined)[]): void {
    const { sequence, slot } = item;
    if (!this.#running.has(sequence.request.id)) return;
    const promptLogprobs = describePiece(item, slot.tokens.length, scores, this.#given.tokenizer);
    if (promptLogprobs.length === 0) return;
    this.#news.push({ ...this.#begin(sequence), promptLogprobs, tokens: [], text: "" });
  }

  #accept(sequence: Sequence, token: number, scores: TokenScores | undefined) {
    const logprob = scores && describeScores(scores, this.#given.tokenizer);
    return acceptToken(sequence, token, logprob, this.#given.tokenizer, this.#given.batcher.contextTokens);
  }

  #release(sequence: Sequence): void {
    this.#running.delete(sequence.request.id);
    sequence.sampler?.dispose();
    sequence.sampler = undefined;
    sequence.scorer?.dispose();
    sequence.scorer = undefined;
    sequence.promptScorer?.dispose();
    sequence.promptScorer = undefined;
    sequence.slot = undefined;
  }

  async #somethingToDo(): Promise<void> {
    this.#sendNews();
    if (this.#stopped || this.#waiting.size > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
