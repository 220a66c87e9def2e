import type { Batcher } from "../contract/native.ts";
import { choosePlacement, type Placement, type Slot } from "./placement.ts";
import { exactTokensAfter, type Prefix, reusableTokens } from "./prefix.ts";
import { type PrefixStore, WORTH_STORING_TOKENS } from "./prefix-store.ts";
import { mayShare, type Sequence } from "./sequence.ts";

const NOTHING: Prefix = { tokens: [], promptTokens: 0, exactTokens: 0, headTokens: 0 };

type SlotKeeperOptions = {
  readonly batcher: Batcher;
  readonly prefixStore: PrefixStore;
  readonly chunkTokens: number;
};

/** Tracks the content of every slot, and prepares a slot with the beginning of a prompt. */
export class SlotKeeper {
  readonly slots: readonly Slot[];
  readonly #batcher: Batcher;
  readonly #prefixStore: PrefixStore;
  readonly #chunkTokens: number;
  #admissions = 0;

  constructor({ batcher, prefixStore, chunkTokens }: SlotKeeperOptions) {
    this.#batcher = batcher;
    this.#prefixStore = prefixStore;
    this.#chunkTokens = chunkTokens;
    this.slots = Array.from({ length: batcher.slots }, (_, index) => ({
      index,
      tokens: [],
      promptTokens: 0,
      exactTokens: 0,
      headTokens: 0,
      lastUsed: 0,
    }));
  }

  /** The cheapest placement of a sequence. Undefined if `running` occupies all slots. */
  choose(
    { prefill, headTokens, exactness, scoresPrompt }: Sequence,
    running: Iterable<Sequence>,
  ): Placement | undefined {
    const taken = new Set(Array.from(running, ({ slot }) => slot));
    return choosePlacement({
      prompt: { tokens: prefill, headTokens, exactness, isWhole: scoresPrompt },
      slots: this.slots,
      free: this.slots.filter((slot) => !taken.has(slot)),
      stored: this.#prefixStore.list(),
      storing: this.#prefixStore.enabled,
      chunkTokens: this.#chunkTokens,
      now: this.#admissions,
    });
  }

  /** A placement with a copy of all tokens in `source`. Undefined if `running` occupies all slots. */
  chooseCopy(sequence: Sequence, source: Slot, running: Iterable<Sequence>): Placement | undefined {
    const slot = this.choose(sequence, running)?.slot;
    if (slot === undefined) return undefined;
    const keep = source.tokens.length;
    return { slot, keep, source: slot === source ? { type: "slot itself" } : { type: "other slot", slot: source } };
  }

  /** How many of a prompt's first tokens are in a slot or a file, for a request without a seed. */
  heldTokens(tokens: readonly number[]): number {
    const prompt = { tokens, headTokens: 0, exactness: "free" } as const;
    const prefixes = [...this.slots, ...this.#prefixStore.list()];
    return Math.max(...prefixes.map((prefix) => reusableTokens(prefix, prompt, this.#chunkTokens)));
  }

  /**
   * Whether the sequence should wait for a prompt that is being evaluated: because the prompt is the same, or because waiting saves at
   * least one chunk compared to `placement`.
   */
  isWorthWaiting(sequence: Sequence, { keep }: Placement, running: Iterable<Sequence>): boolean {
    const { prefill, headTokens, exactness, scoresPrompt } = sequence;
    if (scoresPrompt) return false;
    for (const other of running) {
      const { slot, prefill: tokens } = other;
      if (slot === undefined || slot.tokens.length >= tokens.length) continue;
      if (mayShare(sequence, other)) return true;
      const soon = reusableTokens({ ...slot, tokens }, { tokens: prefill, headTokens, exactness }, this.#chunkTokens);
      if (soon >= keep + this.#chunkTokens) return true;
    }
    return false;
  }

  /** Fills the slot with the beginning of the prompt, after storing its old content. Returns how many of the prompt's tokens it holds. */
  async fill({ prefill, headTokens, scoresPrompt }: Sequence, { slot, keep, source }: Placement): Promise<number> {
    const batcher = this.#batcher;
    const inPlace = source.type === "slot itself";
    if (source.type === "stored") this.#prefixStore.touch(source.prefix);
    // Few tokens are evaluated again as fast as all of the slot is written and read.
    if (slot.tokens.length - (inPlace ? keep : 0) >= WORTH_STORING_TOKENS) {
      await this.#prefixStore.store(slot, (path) => batcher.save(slot.index, path, slot.tokens));
    }
    const held = await this.#fetch(slot, source);
    const enough = held.tokens.length >= keep;
    const whole = held.tokens.length === keep || batcher.truncate(slot.index, enough ? keep : 0);
    const kept = whole && enough ? keep : 0;
    // A scored prompt is cut at other positions, so it isn't exact.
    const isExact = !scoresPrompt;
    slot.exactTokens = isExact ? exactTokensAfter(held, kept, { tokens: prefill, headTokens }, this.#chunkTokens) : 0;
    slot.headTokens = headTokens;
    slot.tokens = held.tokens.slice(0, kept);
    slot.promptTokens = prefill.length;
    slot.lastUsed = ++this.#admissions;
    return kept;
  }

  /** Whether a slot has content that is worth keeping beyond the process and is not kept yet. */
  get hasUnkept(): boolean {
    return this.#prefixStore.isKept && this.slots.some((slot) => this.#prefixStore.gains(slot));
  }

  /**
   * Stores the slots' content that outlives the process, the last used first. No native call may run meanwhile.
   *
   * @param mayGoOn asked before each slot
   */
  async keepAll(mayGoOn: () => boolean): Promise<void> {
    if (!this.#prefixStore.isKept) return;
    for (const slot of this.slots.toSorted((a, b) => b.lastUsed - a.lastUsed)) {
      if (!mayGoOn()) return;
      if (!this.#prefixStore.gains(slot)) continue;
      await this.#prefixStore.store(slot, (path) => this.#batcher.save(slot.index, path, slot.tokens));
    }
  }

  /** Copies or loads `source` into the slot. Returns the slot's new content, which is empty if a stored prefix can't be read. */
  async #fetch(slot: Slot, source: Placement["source"]): Promise<Prefix> {
    if (source.type === "slot itself") return slot;
    if (source.type === "other slot") {
      await this.#batcher.copy(slot.index, source.slot.index);
      return source.slot;
    }
    try {
      await this.#prefixStore.load(source.prefix, (path) => this.#batcher.load(slot.index, path));
      return source.prefix;
    } catch {
      this.#prefixStore.forget(source.prefix);
      this.#batcher.truncate(slot.index, 0);
      return NOTHING;
    }
  }
}
