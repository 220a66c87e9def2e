import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Message, Prompt, Tool } from "../../../../src/generation/request.ts";
import { compareOutlines } from "../../../../src/telemetry/requests/prefix/compare.ts";
import { type Outline, outlineOf } from "../../../../src/telemetry/requests/prefix/outline.ts";

function outline(prompt: Prompt, tools: readonly Tool[] = []): Outline {
  const steps = outlineOf(prompt, tools, "a key");
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

const chat = (messages: readonly Message[]): Prompt => ({ type: "chat", messages });

/** Lines that all differ, so that each has one place. */
const lines = (of: string, count: number) =>
  Array.from({ length: count }, (_, at) => `Line ${of}${at} says something.`);

const messages = fc
  .array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 })
  .map((counts): readonly Message[] =>
    counts.map((count, at) => ({
      role: at === 0 ? "system" : at % 2 === 1 ? "user" : "assistant",
      content: lines("abcdef".charAt(at), count).join("\n"),
    })),
  );

/** A message, and a line of it. */
const withPlace = messages.chain((all) =>
  fc
    .record({ index: fc.nat(all.length - 1), at: fc.nat(11) })
    .map(({ index, at }) => ({ all, index, at: at % (all[index]?.content.split("\n").length ?? 1) })),
);

/** The messages with one line changed. */
function change(all: readonly Message[], index: number, at: number, to: (line: string) => string): readonly Message[] {
  return all.map((message, place) =>
    place === index
      ? {
          ...message,
          content: message.content
            .split("\n")
            .map((line, number) => (number === at ? to(line) : line))
            .join("\n"),
        }
      : message,
  );
}

describe("two prompts that are compared", () => {
  it("are the same as far as one is the beginning of the other", () => {
    fc.assert(
      fc.property(messages, messages, (one, more) => {
        const [short, long] = [outline(chat(one)), outline(chat([...one, ...more]))];
        expect(compareOutlines(short, short)).toEqual({ prefix: short.characters, after: 0, first: undefined });
        expect(compareOutlines(long, short)).toMatchObject({ prefix: short.characters, first: undefined });
      }),
    );
  });

  it.each([
    ["a time of day", "at 09:41:07", "at 10:02:55"],
    ["a date", "on 2026-11-28", "on 2026-11-29"],
    ["a date", "on Saturday", "on Sunday"],
    ["a date", "on November 28, 2026", "on November 29, 2026"],
    ["a UUID", "for 3f0c1b52-0c5f-4c39-9f0e-5b8e9e6b0001", "for 3f0c1b52-0c5f-4c39-9f0e-5b8e9e6b0002"],
    ["a Unix time", "since 1795860000", "since 1795860012"],
    ["an id", "of chatcmpl_9fkq20dkw01kd", "of chatcmpl_k39dk20dmw9ab"],
    ["a number", "after 17 turns", "after 18 turns"],
  ] as const)("differ in %s where that is all that changed", (word, before, after) => {
    fc.assert(
      fc.property(withPlace, ({ all, index, at }) => {
        const earlier = outline(chat(change(all, index, at, (line) => `${line} ${before}.`)));
        const later = outline(chat(change(all, index, at, (line) => `${line} ${after}.`)));
        const { first, prefix, after: same } = compareOutlines(later, earlier);
        expect(first).toEqual({
          place: { role: all[index]?.role, index, line: at + 1 },
          difference: { type: "kind", word },
        });
        // All but the changed line is in both.
        const changed = later.lengths.find(
          (length, piece) => length > 0 && later.hashes[piece] !== earlier.hashes[piece],
        );
        expect(prefix + same).toBe(later.characters - (changed ?? 0));
      }),
    );
  });

  it("differ in a line that was written anew, in lines that came or went, and in messages that did", () => {
    fc.assert(
      fc.property(withPlace, fc.integer({ min: 1, max: 5 }), ({ all, index, at }, more) => {
        const before = outline(chat(all));
        const place = { role: all[index]?.role, index, line: at + 1 };
        const anew = outline(chat(change(all, index, at, () => "Something else altogether.")));
        expect(compareOutlines(anew, before).first).toEqual({ place, difference: { type: "text" } });
        const added = outline(chat(change(all, index, at, (line) => [...lines("new", more), line].join("\n"))));
        const come = { type: "added", pieces: more, messages: 0 };
        expect(compareOutlines(added, before).first).toEqual({ place, difference: come });
        expect(compareOutlines(before, added).first?.difference).toEqual({ ...come, type: "removed" });
      }),
    );
  });

  it("differ in the messages that were cut from a conversation's beginning", () => {
    const turns = Array.from({ length: 8 }, (_, at): Message => {
      return { role: at % 2 === 0 ? "user" : "assistant", content: `Turn ${"abcdefgh".charAt(at)} of the talk.` };
    });
    const system: Message = { role: "system", content: "You are kind." };
    const cut = outline(chat([system, ...turns.slice(4)]));
    const { first, after } = compareOutlines(cut, outline(chat([system, ...turns])));
    expect(first).toEqual({
      place: { role: "user", index: 1, line: 1 },
      difference: { type: "removed", pieces: 4, messages: 4 },
    });
    expect(after).toBe(4 * "Turn e of the talk.".length);
  });

  it("differ in the order of tools", () => {
    const tools = ["weather", "clock", "search"].map(
      (name): Tool => ({ name, description: `Tells of ${name} things.` }),
    );
    const prompt = chat([{ role: "user", content: "Hello, who is there?" }]);
    const { first } = compareOutlines(outline(prompt, tools.toReversed()), outline(prompt, tools));
    expect(first).toEqual({ place: { role: "tools", index: 0, line: 1 }, difference: { type: "order" } });
  });

  it("are compared by the lines of plain text, and by blocks of tokens", () => {
    const text = (third: string): Prompt => ({
      type: "text",
      text: ["one line", "two lines", third, "four lines"].join("\n"),
    });
    expect(compareOutlines(outline(text("3 lines")), outline(text("4 lines"))).first).toEqual({
      place: { role: "text", index: 0, line: 3 },
      difference: { type: "kind", word: "a number" },
    });
    const tokens = Array.from({ length: 300 }, (_, at) => at);
    const later = outline({ type: "tokens", tokens: tokens.with(100, 7_777) });
    expect(compareOutlines(later, outline({ type: "tokens", tokens })).first?.place).toEqual({
      role: "text",
      index: 0,
      line: 2,
    });
  });
});

describe("what is kept of a prompt", () => {
  it("has no text of it, and is another under another key", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 5, maxLength: 3_000, unit: "grapheme" }), (content) => {
        const kept = outline(chat([{ role: "user", content }]));
        const other = outlineOf(chat([{ role: "user", content }]), [], "another key");
        let step = other.next();
        while (step.done !== true) step = other.next();
        expect(step.value.hashes.some((hash, at) => hash === kept.hashes[at])).toBe(false);
        expect(
          Object.values(kept)
            .flat()
            .filter((value) => typeof value === "string"),
        ).toEqual([]);
        expect(kept.characters).toBe(content.replaceAll("\n", "").length);
      }),
    );
  });

  it("is bounded, however long the prompt is", () => {
    const long = outline({ type: "text", text: "a\n".repeat(50_000) });
    expect(long.hashes.length).toBe(8_192);
  });
});
