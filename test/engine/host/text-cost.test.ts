import { expect, test } from "vitest";
import { costOf, costOfPrompt } from "../../../src/engine/host/text-cost.ts";

const said = (content: string) => ({ type: "chat" as const, messages: [{ role: "user" as const, content }] });

test("a text costs its length, tokens their number, and their spellings more", () => {
  const text = "x".repeat(1_000);
  expect(costOf({ type: "tokenize", text, addSpecial: false, parseSpecial: true })).toBe(1_000);
  expect(costOf({ type: "detokenize", tokens: [1, 2, 3] })).toBe(3);
  expect(costOf({ type: "spell", tokens: [1, 2, 3] })).toBe(12);
  expect(costOfPrompt({ type: "infill", prefix: text, suffix: text }, [])).toBe(2_000);
});

test("a conversation costs its texts, calls, tools and template arguments, and a little for each message", () => {
  const short = costOfPrompt(said("hi"), []);
  expect(short).toBeLessThan(300);
  expect(costOfPrompt(said("x".repeat(5_000)), []) - short).toBe(4_998);
  const many = { type: "chat" as const, messages: Array.from({ length: 100 }, () => said("hi").messages).flat() };
  expect(costOfPrompt(many, [])).toBeGreaterThan(5_000);
  const tool = { name: "f", parameters: { properties: { a: { description: "y".repeat(3_000) } } } };
  expect(costOfPrompt(said("hi"), [tool])).toBeGreaterThan(3_000);
  const withArguments = { ...said("hi"), templateArguments: { list: Array.from({ length: 1_000 }, () => 1) } };
  expect(costOfPrompt(withArguments, [])).toBeGreaterThan(16_000);
});

test("nesting of any depth is counted without a stack", () => {
  let deep: unknown = "x";
  for (let level = 0; level < 200_000; level += 1) deep = [deep];
  expect(costOfPrompt({ ...said("hi"), templateArguments: { deep } }, [])).toBeGreaterThan(200_000);
});

test("undefined values are skipped, but not what follows them", () => {
  const given = { ...said("hi"), templateArguments: { a: undefined, b: "z".repeat(500), c: undefined } };
  expect(costOfPrompt(given, [])).toBeGreaterThan(500);
});
