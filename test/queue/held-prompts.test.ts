import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Message, MessageRole } from "../../src/generation/request.ts";
import { createHeldPrompts } from "../../src/queue/held-prompts.ts";
import { piecesOf } from "../../src/queue/prompt-pieces.ts";

const chat = (...messages: readonly (readonly [MessageRole, string])[]) =>
  piecesOf({ prompt: { type: "chat", messages: messages.map(([role, content]): Message => ({ role, content })) } });

const LONG = "A sentence of a long text. ".repeat(200);

describe("what a replica holds of a prompt", () => {
  it("is what begins like one that it has evaluated, up to where they differ", () => {
    const held = createHeldPrompts(1_000_000);
    const first = chat(["system", LONG], ["user", "one"]);
    expect(held.shareOf(first)).toBe(0);
    held.note(first);
    expect(held.shareOf(first)).toBe(1);
    const share = held.shareOf(chat(["system", LONG], ["user", "two"]));
    expect(share).toBeGreaterThan(0.9);
    expect(share).toBeLessThan(1);
    expect(held.shareOf(chat(["system", `B${LONG}`], ["user", "one"]))).toBe(0);
  });

  it("is also the answer that it has written", () => {
    const held = createHeldPrompts(1_000_000);
    held.note(chat(["user", "Hi"]));
    const next = chat(["user", "Hi"], ["assistant", LONG], ["user", "Go on"]);
    expect(held.shareOf(next)).toBeGreaterThan(0.9);
    expect(held.shareOf(next)).toBeLessThan(1);
  });

  it("is nothing after its process has ended, and the oldest is forgotten when its slots are full", () => {
    const held = createHeldPrompts(2 * LONG.length);
    const [one, two, three] = ["1", "2", "3"].map((name) => chat(["user", name + LONG])) as [[], [], []];
    for (const prompt of [one, two, three]) held.note(prompt);
    expect(held.shareOf(three)).toBe(1);
    expect(held.shareOf(one)).toBe(0);
    held.clear();
    expect(held.shareOf(three)).toBe(0);
  });

  it("grows with the part that two prompts have in common", () => {
    const text = fc.string({ maxLength: 3_000 });
    fc.assert(
      fc.property(text, text, text, (common, one, other) => {
        const held = createHeldPrompts(1_000_000);
        held.note(piecesOf({ prompt: { type: "text", text: common + one } }));
        const pieces = piecesOf({ prompt: { type: "text", text: common + other } });
        const share = held.shareOf(pieces);
        const same = [...(common + one)].findIndex((letter, at) => letter !== [...(common + other)][at]);
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
        // Never more than is equal.
        if (same >= 0) expect(share * (common + other).length).toBeLessThanOrEqual((common + one).length + 1e-9);
      }),
    );
  });
});
