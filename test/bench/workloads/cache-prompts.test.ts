import { expect, test } from "vitest";
import { LEXICON } from "../../../bench/load/text.ts";
import { writePrompts } from "../../../bench/workloads/cache/prompts.ts";

const OPTIONS = { model: "m", lexicon: LEXICON, endTokens: [2], mixedCount: 16 };

test("the streamed request is the whole one, streamed", () => {
  const { whole, streamed } = writePrompts({ ...OPTIONS, seed: 1 });
  const { stream, stream_options, ...rest } = JSON.parse(streamed.toString());
  expect(stream).toBe(true);
  expect(rest).toEqual(JSON.parse(whole.toString()));
});

test("no prompt is like another, within a run or in the next", () => {
  const all = [1, 2].flatMap((seed) => {
    const { whole, mixed } = writePrompts({ ...OPTIONS, seed });
    return [whole, ...mixed].map(String);
  });
  expect(new Set(all).size).toBe(2 * 17);
});
