import type { Backend } from "../generation/backend.ts";
import type { SlotView } from "../generation/view.ts";

/** A slot, and how fast its sequence is generated. */
export type RatedSlot = SlotView & { readonly tokensPerSecond?: number };

export type SlotRates = {
  /** Asks models for their slots. They answer when they can: what they said is seen at the next `of`. */
  readonly ask: (models: readonly Pick<Backend, "id" | "slots">[]) => void;
  /** What a model said last. */
  readonly of: (model: string) => readonly RatedSlot[];
};

/** @param now a monotonic clock in ms */
export function createSlotRates(now: () => number): SlotRates {
  let known: ReadonlyMap<string, Said> = new Map();

  function note(model: string, slots: readonly SlotView[]): void {
    const said = rate(slots, now(), known.get(model));
    known = new Map([...known, [model, said]]);
  }

  return {
    ask(models) {
      const ids = new Set(models.map(({ id }) => id));
      known = new Map([...known].filter(([id]) => ids.has(id)));
      for (const { id, slots } of models) void slots?.().then((said) => note(id, said));
    },
    of: (model) => known.get(model)?.slots ?? [],
  };
}

type Said = { readonly atMs: number; readonly slots: readonly RatedSlot[] };

function rate(slots: readonly SlotView[], atMs: number, before: Said | undefined): Said {
  const earlier = new Map(
    before?.slots.flatMap(({ sequence }) => (sequence === undefined ? [] : [[nameOf(sequence), sequence] as const])),
  );
  return {
    atMs,
    slots: slots.map((slot): RatedSlot => {
      const last = slot.sequence && earlier.get(nameOf(slot.sequence));
      if (slot.sequence === undefined || last === undefined || before === undefined || atMs <= before.atMs) return slot;
      // After a crash a sequence begins again.
      const tokens = Math.max(0, slot.sequence.generatedTokens - last.generatedTokens);
      return { ...slot, tokensPerSecond: (tokens * 1_000) / (atMs - before.atMs) };
    }),
  };
}

function nameOf({ requestId, choice }: NonNullable<SlotView["sequence"]>): string {
  return `${requestId} ${choice}`;
}
