import { type Clock, systemClock } from "../../clock.ts";
import type { SequenceRequest, SequenceUpdate, SlotReport } from "../contract/messages.ts";
import type { Batcher, Tokenizer } from "../contract/native.ts";
import { type Alarm, createAlarm } from "./alarm.ts";
import type { Drafter } from "./drafts/drafter.ts";
import { type Boundary, headTokensOf } from "./head.ts";
import { type Drawn, drawAfter, evaluate } from "./native-call.ts";
import { createOutcome, type Outcome } from "./outcome.ts";
import type { Placement } from "./placement.ts";
import { canWait, plan, type Work, wantsLogits } from "./plan.ts";
import { charge, NOBODY_SERVED } from "./prefill-order.ts";
import { createPrefillPace, createPrefillShare, type PrefillPace, type PrefillShare } from "./prefill-pace.ts";
import type { PrefixStore } from "./prefix-store.ts";
import { createRest, isAnyAwaited, isAwaited, type Rest } from "./rest.ts";
import { createSequence, mayShare, placeSequence, releaseSequence, type Sequence } from "./sequence.ts";
import { SlotKeeper } from "./slot-keeper.ts";
import { shareSpending } from "./spending.ts";
import type { StepMeter } from "./step-meter.ts";
import { createStepWidth } from "./step-width.ts";
import { createUpdates, type Updates } from "./updates.ts";

/** After how long without work the slots' content is stored. Long enough that a conversation's next turn is usually earlier. */
const IDLE_MS = 5_000;

/** How many chunks of prompts, for each slot, may go before a step whose sequences can all wait. */
const FILLED_CHUNKS = 2;

type SchedulerOptions = {
  readonly batcher: Batcher;
  readonly tokenizer: Tokenizer;
  /** Prompts are cut at multiples of this. */
  readonly prefillChunkTokens: number;
  readonly prefillPauseMs: number;
  readonly prefillShare: number;
  readonly prefixStore: PrefixStore;
  /** See `findBoundary`; without a boundary, prompts have no heads. */
  readonly boundary?: Boundary | undefined;
  /** Undefined if drafts are off. */
  readonly drafter?: Drafter | undefined;
  /** Absent if steps are not counted. */
  readonly stepMeter?: StepMeter | undefined;
  /** Returns a counter of energy, in joules; absent if nothing measures it. */
  readonly readJoules?: (() => number) | undefined;
  /** The machine's unless given. */
  readonly clock?: Clock;
  /** Called once for each native call with news, with the updates of all sequences. */
  readonly report: (updates: SequenceUpdate[]) => void;
  /** Called for a sequence that was ended because its grammar takes too long. Nothing more is reported for it. */
  readonly reject: (id: number, reason: string) => void;
};

/**
 * Runs many sequences in one context with continuous batching: a sequence joins at the next step and leaves as soon as it ends.
 *
 * waiting → (admit: a slot) → prefill, chunk by chunk → decode, one token per step → finished. Slots keep their content.
 *
 * A step decodes one token of every decoding sequence in one native call, and then evaluates about one chunk of the other sequences' prompts.
 * Prompts and decodes never share a call: llama.cpp would evaluate them separately anyway (it splits unequal lengths), and the result would
 * depend on the other sequences (docs/decisions/007-exactness.md).
 */
export class Scheduler {
  readonly #given: SchedulerOptions;
  readonly #pace: PrefillPace;
  readonly #mostFilledTokens: number;
  readonly #timeShare: PrefillShare;
  readonly #keeper: SlotKeeper;
  readonly #updates: Updates;
  readonly #outcome: Outcome;
  readonly #alarm: Alarm;
  readonly #rest: Rest;
  readonly #stepWidth = createStepWidth();
  readonly #waiting = new Map<number, Sequence>();
  readonly #running = new Map<number, Sequence>();
  /** Sequences that were cancelled during a step. Native code uses their samplers until the step ends. */
  readonly #leaving: Sequence[] = [];
  #prefillOrder = NOBODY_SERVED;
  #stopped = false;
  #decodingSince: number | undefined;

  constructor(given: SchedulerOptions) {
    const { batcher, prefillChunkTokens: chunkTokens, prefillPauseMs: targetMs, prefixStore } = given;
    this.#given = given;
    this.#mostFilledTokens = FILLED_CHUNKS * batcher.slots * chunkTokens;
    this.#pace = createPrefillPace({ chunkTokens, maxTokens: batcher.maxBatchTokens, targetMs });
    this.#timeShare = createPrefillShare(given.prefillShare);
    this.#keeper = new SlotKeeper({ batcher, prefixStore, chunkTokens });
    this.#updates = createUpdates(given.tokenizer, given.report, given.readJoules !== undefined);
    this.#outcome = createOutcome({
      ...{ batcher, tokenizer: given.tokenizer, updates: this.#updates, reject: given.reject },
      isRunning: ({ request }) => this.#running.has(request.id),
      release: (sequence) => this.#release(sequence),
    });
    const { clock = systemClock } = given;
    this.#alarm = createAlarm(clock);
    this.#rest = createRest(clock, this.#alarm.wake);
  }

  /** When the native call in progress began, by `performance.now()`; undefined between calls. */
  get decodingSince(): number | undefined {
    return this.#decodingSince;
  }

  /** The numbers of waiting and running sequences and of tokens in each slot, for tests and logs. */
  get load(): { waiting: number; running: number; slotTokens: number[] } {
    return {
      waiting: this.#waiting.size,
      running: this.#running.size,
      slotTokens: this.#keeper.slots.map((slot) => slot.tokens.length),
    };
  }

  /** What each slot holds, and for whom. */
  get slots(): SlotReport[] {
    const bySlot = new Map(Array.from(this.#running.values(), (sequence) => [sequence.slot, sequence]));
    return this.#keeper.slots.map((slot) => {
      const sequence = bySlot.get(slot);
      if (sequence === undefined) return { heldTokens: slot.tokens.length };
      const { request, prefill, cachedTokens, output } = sequence;
      const { id } = request;
      const numbers = { promptTokens: prefill.length, cachedTokens, generatedTokens: output.length };
      return { heldTokens: slot.tokens.length, sequence: { id, ...numbers } };
    });
  }

  /** How many of a prompt's first tokens are in the KV cache or the prefix store. */
  heldTokens(prompt: readonly number[]): number {
    return this.#keeper.heldTokens(prompt);
  }

  /** Queues a sequence. The prompt must be shorter than the context. */
  submit(request: SequenceRequest, prompt: readonly number[]): void {
    const headTokens = headTokensOf(prompt, this.#given.boundary);
    const sequence = createSequence(request, prompt, this.#given.tokenizer, headTokens);
    this.#waiting.set(request.id, sequence);
    this.#rest.note(sequence);
    this.#alarm.wake();
  }

  /** Cancels a sequence at once or after the step in progress. Nothing more is reported for it. Unknown ids are ignored. */
  cancel(id: number): void {
    this.#waiting.delete(id);
    this.#updates.drop(id);
    const sequence = this.#running.get(id);
    if (sequence === undefined) return;
    if (this.#decodingSince === undefined) this.#release(sequence);
    else {
      this.#running.delete(id);
      this.#leaving.push(sequence);
    }
  }

  /** Stores what the slots hold, the last used first, until `mayGoOn` says no. Only after `run` has ended. */
  keepSlots(mayGoOn: () => boolean): Promise<void> {
    return this.#keeper.keepAll(mayGoOn);
  }

  /** Ends `run` after the step in progress. */
  stop(): void {
    this.#stopped = true;
    this.#alarm.wake();
  }

  /** Runs steps until `stop`. Rejects if a native call fails, because the state of the context is then unknown. */
  async run(): Promise<void> {
    /** Of prompts that came before the next step. */
    let filledTokens = 0;
    while (!this.#stopped) {
      await this.#admit(isAwaited);
      this.#rest.look(this.#running, this.#waiting, this.#pace.chunkMs());
      await this.#admit((sequence) => !this.#rest.has(sequence));
      const decodes = this.#plan("decode");
      const canAllWait = canWait(this.#awake());
      // Prompts come first if all can wait: the more sequences a step decodes, the less each costs.
      if (canAllWait && filledTokens < this.#mostFilledTokens) {
        const tokens = await this.#prefill(this.#pace.budgetTokens());
        filledTokens += tokens;
        if (tokens > 0) continue;
      }
      filledTokens = 0;
      if (decodes.length > 0) {
        const startedAt = performance.now();
        await this.#decode(decodes);
        const endedAt = performance.now();
        this.#timeShare.decoded(endedAt - startedAt);
        this.#given.stepMeter?.decoded(
          decodes.map(({ sequence }) => sequence),
          startedAt,
          endedAt,
        );
        if (canAllWait || this.#makesWait(decodes) || !this.#timeShare.mayPrefill()) continue;
        const prefillAt = performance.now();
        await this.#prefill(this.#pace.budgetTokens());
        this.#timeShare.prefilled(performance.now() - prefillAt);
      } else if (canAllWait || (await this.#prefill(this.#given.batcher.maxBatchTokens)) === 0) {
        await this.#somethingToDo();
      }
    }
    this.#rest.end();
    this.#updates.send();
    for (const sequence of this.#running.values()) this.#release(sequence);
  }

  /**
   * Gives free slots to waiting sequences of a kind, in order of arrival. A sequence that shares a prefix with a prompt being evaluated waits for
   * it, and then copies the prefix; but none waits for one that rests.
   */
  async #admit(mayBegin: (sequence: Sequence) => boolean): Promise<void> {
    for (const sequence of [...this.#waiting.values()]) {
      if (!mayBegin(sequence)) continue;
      const placement = this.#keeper.choose(sequence, this.#running.values());
      if (placement === undefined) return;
      const running = [...this.#running.values()];
      const ahead = isAwaited(sequence) ? running.filter(isAwaited) : running;
      if (this.#keeper.isWorthWaiting(sequence, placement, ahead)) continue;
      await this.#place(sequence, placement);
    }
  }

  /** The running sequences that may be evaluated now. */
  #awake(): readonly Sequence[] {
    return this.#rest.awake(this.#running.values());
  }

  /** Whether a call is left out because somebody came whom its sequences must not delay. */
  #makesWait(work: readonly Work[]): boolean {
    return !work.some(({ sequence }) => isAwaited(sequence)) && isAnyAwaited(this.#waiting.values());
  }

  async #place(sequence: Sequence, placement: Placement): Promise<void> {
    const { request } = sequence;
    const kept = await this.#keeper.fill(sequence, placement);
    // The sequence may have been cancelled meanwhile.
    if (!this.#waiting.delete(request.id)) return;
    placeSequence(sequence, placement.slot, kept, this.#given.batcher);
    if (kept > 0) this.#given.stepMeter?.reused(kept, placement.source.type === "stored" ? "file" : "slot");
    this.#running.set(request.id, sequence);
  }

  /** Evaluates a decoding step, in several calls if it has drafts, or if they must be short. */
  async #decode(work: readonly Work[]): Promise<void> {
    const { drafter } = this.#given;
    const maxMs = work.some(({ sequence }) => isAwaited(sequence)) ? Number.POSITIVE_INFINITY : this.#rest.callMs();
    for (const [index, call] of (drafter?.split(work) ?? this.#stepWidth.split(work, maxMs)).entries()) {
      if (index > 0 && this.#makesWait(work)) return;
      const startedAt = performance.now();
      await this.#evaluate(call);
      const ms = performance.now() - startedAt;
      drafter?.record(call, ms);
      this.#stepWidth.record(call.length, ms);
    }
  }

  #plan(turn: "decode" | number): readonly Work[] {
    const { work, order } = plan({
      running: this.#awake(),
      turn,
      order: this.#prefillOrder,
      chunkTokens: this.#given.prefillChunkTokens,
    });
    this.#prefillOrder = order;
    return work;
  }

  /** Evaluates prompts, about so many tokens. Returns how many that were. */
  async #prefill(budgetTokens: number): Promise<number> {
    let evaluatedTokens = 0;
    for (;;) {
      const [chunk] = this.#plan(budgetTokens - evaluatedTokens);
      if (chunk === undefined) return evaluatedTokens;
      const startedAt = performance.now();
      const [logitIndex = -1] = await this.#evaluate([chunk]);
      evaluatedTokens += this.#account(chunk, performance.now() - startedAt);
      if (logitIndex >= 0) await this.#share(chunk, logitIndex);
      if (this.#makesWait([chunk])) return evaluatedTokens;
    }
  }

  /** Records the time of a chunk and charges it to its tenant. Returns its cost in tokens. */
  #account({ sequence, tokens, isScored = false }: Work, ms: number): number {
    // To score a token takes about as long as to evaluate it, and says nothing of how fast others are.
    const cost = tokens.length * (isScored ? 2 : 1);
    if (!isScored) this.#pace.record(tokens.length, ms);
    this.#given.stepMeter?.prefilled(ms);
    this.#prefillOrder = charge(this.#prefillOrder, sequence, cost);
    return cost;
  }

  /** Admits waiting sequences with the same prompt: they copy the evaluated tokens and sample from the same logits. */
  async #share({ sequence: first, slot: source }: Work, logitIndex: number): Promise<void> {
    const alike = [...this.#waiting.values()].filter(
      (sequence) => mayShare(sequence, first) && !this.#rest.has(sequence),
    );
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

  /** Evaluates and samples. Returns the index of the logits after each item's last token; −1 if they weren't requested. */
  async #evaluate(work: readonly Work[]): Promise<readonly number[]> {
    const startedAt = performance.now();
    this.#decodingSince = startedAt;
    const joulesBefore = this.#given.readJoules?.() ?? 0;
    // Sending updates takes a tenth of a small model's step. During the call, the cores aren't idle meanwhile.
    const { logits, drawn, scores } = await evaluate(this.#given.batcher, work, () => this.#updates.send());
    shareSpending(work, performance.now() - startedAt, (this.#given.readJoules?.() ?? 0) - joulesBefore);
    for (const [index, item] of work.entries()) {
      const scored = scores[index];
      if (scored !== undefined && this.#running.has(item.sequence.request.id)) this.#updates.addScores(item, scored);
      // Of a draft, only what is sampled stays.
      const kept = item.isDraft === true ? item.tokens.slice(0, 1) : item.tokens;
      for (const token of kept) item.slot.tokens.push(token);
    }
    this.#settle(work, drawn);
    return logits;
  }

  /** Handles the results of a native call, and releases the sequences that were cancelled during it. */
  #settle(work: readonly Work[], drawn: readonly (readonly Drawn[])[]): void {
    for (const [index, item] of work.entries()) this.#outcome.apply(item, drawn[index] ?? []);
    this.#decodingSince = undefined;
    for (const sequence of this.#leaving.splice(0)) this.#release(sequence);
  }

  #release(sequence: Sequence): void {
    this.#running.delete(sequence.request.id);
    releaseSequence(sequence);
  }

  /** Returns when there may be something to do. After a while without, keeps what the slots hold. */
  async #somethingToDo(): Promise<void> {
    this.#updates.send();
    const isIdle = () => !this.#stopped && this.#rest.isAll([...this.#running.values(), ...this.#waiting.values()]);
    if (isIdle() && this.#keeper.hasUnkept && (await this.#alarm.sleep(IDLE_MS)) === "idle") {
      await this.#keeper.keepAll(isIdle);
    }
    if (isIdle()) await this.#alarm.sleep();
  }
}
