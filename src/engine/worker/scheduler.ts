import type { SequenceRequest, SequenceUpdate } from "../messages.ts";
import type { Batcher, Tokenizer, TokenScores } from "./backend.ts";
import { type Drawn, drawAfter, type Work, wantsLogits } from "./draw.ts";
import { describeScores } from "./logprobs.ts";
import { choosePlacement, type Placement, type Slot } from "./placement.ts";
import { createPrefillPace, type PrefillPace } from "./prefill-pace.ts";
import { exactTokensAfter, lastCut, type Prefix, reusableTokens } from "./prefix.ts";
import type { PrefixStore } from "./prefix-store.ts";
import { acceptToken, createSequence, endSequence, nextReplayedToken, type Sequence } from "./sequence.ts";

export type SchedulerOptions = {
  readonly batcher: Batcher;
  readonly tokenizer: Tokenizer;
  /** Prompts are cut at multiples of this. */
  readonly prefillChunkTokens: number;
  /** How long prompts may hold up a step of the decoding sequences, in ms; one chunk is evaluated in any case. */
  readonly prefillPauseMs: number;
  /** Keeps what slots lose. */
  readonly prefixStore: PrefixStore;
  /** Called once for each native call that brought anything, with every sequence's news. */
  readonly report: (updates: SequenceUpdate[]) => void;
};

const NOTHING: Prefix = { tokens: [], promptTokens: 0, exactTokens: 0 };

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
  readonly #batcher: Batcher;
  readonly #tokenizer: Tokenizer;
  readonly #chunkTokens: number;
  readonly #pace: PrefillPace;
  readonly #prefixStore: PrefixStore;
  readonly #report: (updates: SequenceUpdate[]) => void;
  readonly #slots: readonly Slot[];
  readonly #waiting = new Map<number, Sequence>();
  readonly #running = new Map<number, Sequence>();
  /** Cancelled in mid-step: what they hold is in native hands until the step ends. */
  readonly #leaving: Sequence[] = [];
  #admissions = 0;
  #chunks = 0;
  #wake: (() => void) | undefined;
  #stopped = false;
  #decodingSince: number | undefined;
  /** What the last call brought, not yet told. */
  #news: SequenceUpdate[] = [];

  constructor({ batcher, tokenizer, prefillChunkTokens, prefillPauseMs, prefixStore, report }: SchedulerOptions) {
    this.#batcher = batcher;
    this.#tokenizer = tokenizer;
    this.#chunkTokens = prefillChunkTokens;
    this.#pace = createPrefillPace({
      chunkTokens: prefillChunkTokens,
      maxTokens: batcher.maxBatchTokens,
      targetMs: prefillPauseMs,
    });
    this.#prefixStore = prefixStore;
    this.#report = report;
    this.#slots = Array.from({ length: batcher.slots }, (_, index) => ({
      index,
      tokens: [],
      promptTokens: 0,
      exactTokens: 0,
      lastUsed: 0,
    }));
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
      slotTokens: this.#slots.map((slot) => slot.tokens.length),
    };
  }

  /** Queues a sequence. The prompt must be shorter than the context. */
  submit(request: SequenceRequest, prompt: readonly number[]): void {
    this.#waiting.set(request.id, createSequence(request, prompt, this.#tokenizer));
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
      const decodes = this.#decodes();
      if (decodes.length > 0) await this.#evaluate(decodes);
      const prefilledTokens = await this.#prefill(
        decodes.length > 0 ? this.#pace.budgetTokens() : this.#batcher.maxBatchTokens,
      );
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
      const taken = new Set(Array.from(this.#running.values(), ({ slot }) => slot));
      const placement = choosePlacement({
        prompt: { tokens: sequence.prefill, exactness: sequence.exactness },
        slots: this.#slots,
        free: this.#slots.filter((slot) => !taken.has(slot)),
        stored: this.#prefixStore.list(),
        storing: this.#prefixStore.enabled,
        chunkTokens: this.#chunkTokens,
        now: this.#admissions,
      });
      if (placement === undefined) return;
      if (!this.#isWorthWaiting(sequence, placement)) await this.#place(sequence, placement);
    }
  }

  /** Whether a prompt that is being evaluated will soon leave this one a chunk or more less to evaluate. */
  #isWorthWaiting({ prefill, exactness }: Sequence, { keep }: Placement): boolean {
    for (const { slot, prefill: tokens } of this.#running.values()) {
      if (slot === undefined || slot.tokens.length >= tokens.length) continue;
      const soon = reusableTokens({ ...slot, tokens }, { tokens: prefill, exactness }, this.#chunkTokens);
      if (soon >= keep + this.#chunkTokens) return true;
    }
    return false;
  }

  /** Makes the slot hold the beginning of the prompt, storing what it held before, and lets the sequence run. */
  async #place(sequence: Sequence, { slot, keep, source }: Placement): Promise<void> {
    const { request, prompt, prefill } = sequence;
    const batcher = this.#batcher;
    const inPlace = source.type === "slot itself";
    if (source.type === "stored") this.#prefixStore.touch(source.prefix);
    if (slot.tokens.length > (inPlace ? keep : 0)) {
      await this.#prefixStore.store(slot, (path) => batcher.save(slot.index, path, slot.tokens));
    }
    const held = await this.#fetch(slot, source);
    const enough = held.tokens.length >= keep;
    const whole = held.tokens.length === keep || batcher.truncate(slot.index, enough ? keep : 0);
    const kept = whole && enough ? keep : 0;
    slot.exactTokens = exactTokensAfter(held, kept, prefill.length, this.#chunkTokens);
    slot.tokens = held.tokens.slice(0, kept);
    slot.promptTokens = prefill.length;
    slot.lastUsed = ++this.#admissions;

    // It may have been cancelled meanwhile.
    if (!this.#waiting.delete(request.id)) return;
    sequence.slot = slot;
    sequence.cachedTokens = Math.min(kept, prompt.length);
    sequence.sampler = batcher.createSampler(request, prompt);
    for (const token of request.replay) sequence.sampler.accept(token);
    if (request.logprobs !== undefined) sequence.scorer = batcher.createScorer(request.logprobs);
    this.#running.set(request.id, sequence);
  }

  /** Brings what `source` holds into the slot. Returns what the slot then holds: nothing, where a stored prefix is gone. */
  async #fetch(slot: Slot, source: Placement["source"]): Promise<Prefix> {
    if (source.type === "slot itself") return slot;
    if (source.type === "other slot") {
      await this.#batcher.copy(slot.index, source.slot.index);
      return source.slot;
    }
    try {
      await this.#batcher.load(slot.index, source.prefix.path);
      return source.prefix;
    } catch {
      this.#prefixStore.forget(source.prefix);
      this.#batcher.truncate(slot.index, 0);
      return NOTHING;
    }
  }

  /** The next token of every sequence that is past its prompt, in ascending slot order: llama.cpp merges only ascending ones. */
  #decodes(): Work[] {
    const work: Work[] = [];
    for (const sequence of this.#running.values()) {
      const { request, slot, prompt, prefill, output } = sequence;
      if (slot === undefined || slot.tokens.length < prefill.length) continue;
      const token = output[slot.tokens.length - prompt.length];
      if (token === undefined) throw new Error(`sequence ${request.id} has no token at ${slot.tokens.length}`);
      work.push({ sequence, slot, tokens: [token], wantLogits: wantsLogits(sequence) });
    }
    return work.sort((a, b) => a.slot.index - b.slot.index);
  }

  /** Evaluates prompts until `budgetTokens` are used, or a little more. Returns how many tokens that were. */
  async #prefill(budgetTokens: number): Promise<number> {
    let evaluatedTokens = 0;
    while (evaluatedTokens < budgetTokens) {
      const chunk = this.#nextChunk(budgetTokens - evaluatedTokens);
      if (chunk === undefined) break;
      const startedAt = performance.now();
      await this.#evaluate([chunk]);
      this.#pace.record(chunk.tokens.length, performance.now() - startedAt);
      evaluatedTokens += chunk.tokens.length;
    }
    return evaluatedTokens;
  }

  /**
   * Whole chunks, and then the last piece. An exact evaluation begins at a multiple of the chunk size, so its pieces are cut at the
   * same places wherever it begins and however much of it fits into one call.
   */
  #nextChunk(budgetTokens: number): Work | undefined {
    const sequence = this.#nextToPrefill();
    if (sequence?.slot === undefined) return undefined;
    const { request, slot, prompt, prefill } = sequence;
    const position = slot.tokens.length;
    const chunk = this.#chunkTokens;
    const affordable = Math.max(1, Math.floor(budgetTokens / chunk)) * chunk;
    const beforeLast = lastCut(prefill.length - position, chunk);
    const end = beforeLast > 0 ? position + Math.min(affordable, beforeLast) : prefill.length;
    const replayed = prefill.length === prompt.length + request.replay.length;
    const wantLogits = end === prefill.length && (replayed || wantsLogits(sequence));
    return { sequence, slot, tokens: prefill.slice(position, end), wantLogits };
  }

  /**
   * Whose prompt is next: the one that has least left, so that a short question does not wait for a long document; but every
   * fourth chunk goes to the oldest, so that the document gets on.
   */
  #nextToPrefill(): Sequence | undefined {
    const oldestFirst = this.#chunks++ % 4 === 3;
    let next: Sequence | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const sequence of this.#running.values()) {
      const left = sequence.prefill.length - (sequence.slot?.tokens.length ?? 0);
      if (left <= 0) continue;
      if (oldestFirst) return sequence;
      if (left < least) {
        next = sequence;
        least = left;
      }
    }
    return next;
  }

  async #evaluate(work: readonly Work[]): Promise<void> {
    const batcher = this.#batcher;
    batcher.beginBatch(
      work.reduce((sum, { tokens }) => sum + tokens.length, 0),
      work.some(({ sequence }) => sequence.exactness === "exact"),
    );
    const logits = work.map(({ slot, tokens, wantLogits }) =>
      batcher.addToBatch(slot.index, slot.tokens.length, tokens, wantLogits),
    );

    this.#decodingSince = performance.now();
    // The draws are asked for before the evaluation has ended, and run right after it without a way through this thread.
    const evaluated = batcher.decode();
    const draws = work.map((item, index) => drawAfter(item, logits[index] ?? -1));
    this.#sendNews();
    const [, ...drawn] = await Promise.all([evaluated, ...draws]);
    for (const { slot, tokens } of work) for (const token of tokens) slot.tokens.push(token);

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
    this.#report(news);
  }

  /** Takes one sequence past what was evaluated: the token that was drawn after it, if any, its text, its end. */
  #advance({ sequence, slot }: Work, drawn: Drawn | undefined): void {
    const { request, prompt, prefill, output } = sequence;
    if (slot.tokens.length < prefill.length) return;

    // Tokens from before a crash are taken as said, as far as they were evaluated.
    while (output.length <= slot.tokens.length - prompt.length) {
      const replayed = nextReplayedToken(sequence);
      if (replayed === undefined) break;
      this.#accept(sequence, replayed, drawn?.replayed ? drawn.scores : undefined);
    }
    if (drawn === undefined || drawn.replayed || !this.#running.has(request.id)) return;

    const { token, scores } = drawn;
    const { text, logprobs, finished, stopString } =
      token === undefined ? endSequence(sequence, "stop") : this.#accept(sequence, token, scores);
    if (finished !== undefined) this.#release(sequence);
    const first = !sequence.announced;
    sequence.announced = true;
    this.#news.push({
      id: request.id,
      ...(first && { started: { promptTokens: prompt.length, cachedTokens: sequence.cachedTokens } }),
      tokens: token === undefined ? [] : [token],
      text,
      ...(logprobs.length > 0 && { logprobs }),
      ...(finished && {
        finished: {
          reason: finished,
          completionTokens: output.length,
          ...(stopString !== undefined && { stopString }),
        },
      }),
    });
  }

  #accept(sequence: Sequence, token: number, scores: TokenScores | undefined) {
    const logprob = scores && describeScores(scores, this.#tokenizer);
    return acceptToken(sequence, token, logprob, this.#tokenizer, this.#batcher.contextTokens);
  }

  #release(sequence: Sequence): void {
    this.#running.delete(sequence.request.id);
    sequence.sampler?.dispose();
    sequence.sampler = undefined;
    sequence.scorer?.dispose();
    sequence.scorer = undefined;
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
