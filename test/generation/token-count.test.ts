import { describe, expect, it } from "vitest";
import { createTokenCount } from "../../src/generation/token-count.ts";

const text = (choice: number) => ({ type: "text", choice, text: "x" }) as const;
const finished = (choice: number, completionTokens: number) =>
  ({ type: "finished", choice, reason: "stop", completionTokens, reasoningTokens: 1 }) as const;

describe("a count of tokens", () => {
  it("has what the ends of choices tell, and of choices without an end what was heard", () => {
    const count = createTokenCount();
    count.note({ type: "started", promptTokens: 12, cachedTokens: 4 });
    for (const event of [text(0), text(1), text(0), text(1), finished(0, 7), text(1)]) count.note(event);
    expect(count.counts()).toEqual({ prompt: 12, cached: 4, completion: 7 + 3, reasoning: 1 });
    count.note(finished(1, 9));
    expect(count.counts()).toEqual({ prompt: 12, cached: 4, completion: 16, reasoning: 2 });
  });

  it("has what one usage tells of all choices, before or after their ends", () => {
    const ends = [0, 1].map((choice) => ({ type: "finished", choice, reason: "stop" }) as const);
    const usage = {
      type: "usage",
      promptTokens: 12,
      cachedTokens: 4,
      completionTokens: 7,
      reasoningTokens: 2,
    } as const;
    for (const last of [
      [...ends, usage],
      [usage, ...ends],
    ]) {
      const count = createTokenCount();
      count.note({ type: "started" });
      for (const event of [text(0), text(1), text(1), ...last]) count.note(event);
      expect(count.counts()).toEqual({ prompt: 12, cached: 4, completion: 7, reasoning: 2 });
    }
  });

  it("has what was heard of choices until their usage comes", () => {
    const count = createTokenCount();
    count.note({ type: "started" });
    for (const event of [text(0), text(0), { type: "finished", choice: 0, reason: "stop" } as const]) count.note(event);
    expect(count.counts().completion).toBe(2);
  });

  it("takes what was spent and not told in place of what was heard, where that is more", () => {
    const count = createTokenCount();
    count.note({ type: "started", promptTokens: 12, cachedTokens: 4 });
    for (const event of [text(0), text(0)]) count.note(event);
    count.noteNews({ type: "left", spent: { prompt: 0, cached: 0, completion: 40 } });
    expect(count.counts().completion).toBe(40);
  });

  it("has the prompt of a generation that was left before its start was heard", () => {
    const count = createTokenCount();
    count.noteNews({ type: "left", spent: { prompt: 12, cached: 3, completion: 1 } });
    expect(count.counts()).toEqual({ prompt: 12, cached: 3, completion: 1, reasoning: 0 });
  });
});
