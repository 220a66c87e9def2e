import { describe, expect, it } from "vitest";
import {
  messagesToKeep,
  newCompaction,
  openCompactions,
  type SummarySeal,
} from "../../../src/protocols/responses/compaction.ts";
import type { Item } from "../../../src/protocols/responses/items.ts";
import { toMessages } from "../../../src/protocols/responses/to-messages.ts";
import { askForSummary, toTranscript } from "../../../src/protocols/responses/transcript.ts";
import { itemsOf, refusalOf } from "./support.ts";

/** Seals by reversing the text. */
const seal: SummarySeal = {
  seal: (text) => `:${[...text].reverse().join("")}`,
  unseal: (sealed) => (sealed.startsWith(":") ? [...sealed.slice(1)].reverse().join("") : undefined),
};

const user = (content: string) => ({ role: "user", content });
const withSummary = (before: readonly object[], summary: string, after: readonly object[]): Item[] => [
  ...(before.length === 0 ? [] : itemsOf(before)),
  newCompaction(summary, seal),
  ...(after.length === 0 ? [] : itemsOf(after)),
];

describe("a compacted conversation", () => {
  it("is read as a request for the summary, after the user's messages, and its answer", () => {
    const items = withSummary([user("a"), user("b")], "They said a and b.", [user("c")]);
    expect(toMessages(undefined, openCompactions(items, seal))).toEqual([
      { role: "user", content: "a\nb\nSummarize our conversation so far." },
      { role: "assistant", content: "They said a and b." },
      { role: "user", content: "c" },
    ]);
  });

  it("alternates turns also without a user message, and after a system message", () => {
    expect(toMessages("i", openCompactions(withSummary([], "s", [user("c")]), seal)).map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
    ]);
    const told = withSummary([{ role: "developer", content: "Be brief." }], "s", []);
    expect(openCompactions(told, seal).map((item) => (item.type === "message" ? item.role : item.type))).toEqual([
      "developer",
      "user",
      "assistant",
    ]);
  });

  it("of another server is refused, with advice", () => {
    const items: Item[] = [{ id: "cmp_1", type: "compaction", encrypted_content: "gAAAAABo" }];
    const error = refusalOf(() => openCompactions(items, seal));
    expect(error).toMatchObject({ param: "input", code: "unsupported_value" });
    expect(error.message).toMatch(/'cmp_1' can't be read.*Send the original conversation/);
  });

  it("keeps the messages of users, the system and developers only", () => {
    const items = withSummary([{ role: "system", content: "s" }, user("u"), { role: "assistant", content: "a" }], "x", [
      user("v"),
    ]);
    expect(messagesToKeep(items).map(({ role }) => role)).toEqual(["system", "user", "user"]);
  });
});

describe("a conversation to be summarized", () => {
  const items = itemsOf([
    { role: "developer", content: "Be brief." },
    user("Weather in Oslo?"),
    { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] },
    { type: "function_call", call_id: "1", name: "weather", arguments: '{"city":"Oslo"}' },
    { type: "function_call_output", call_id: "1", output: "Sunny" },
    { role: "assistant", content: "It is sunny." },
  ]);

  it("is written with calls and results, and without reasoning", () => {
    expect(toTranscript(items)).toBe(
      [
        "System: Be brief.",
        "User: Weather in Oslo?",
        'Assistant calls weather with {"city":"Oslo"}',
        "Result of weather: Sunny",
        "Assistant: It is sunny.",
      ].join("\n\n"),
    );
  });

  it("is written with the summary of the earlier part", () => {
    expect(askForSummary("", "User: Hi")).toMatch(/^This is a conversation:\n\nUser: Hi\n\nSummarize/);
    expect(askForSummary("They met.", "User: Hi")).toMatch(/so far:\n\nThey met\.\n\nAnd this is how it went on:/);
  });
});
