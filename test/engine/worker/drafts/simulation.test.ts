import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { chooseDrafts, DRAFT_LENGTHS } from "../../../../src/engine/worker/drafts/choice.ts";
import { type Curve, createCallCosts } from "../../../../src/engine/worker/drafts/costs.ts";
import { createLookup } from "../../../../src/engine/worker/drafts/lookup.ts";

/** A machine that reads a large model's weights for each call, so that sixteen tokens cost a fifth more than one. */
const MEMORY_BOUND: Curve = [
  { tokens: 1, ms: 30 },
  { tokens: 2, ms: 30.5 },
  { tokens: 4, ms: 31.5 },
  { tokens: 8, ms: 33 },
  { tokens: 16, ms: 36 },
];
/** SmolLM2 135M on two cores, as measured. */
const SMALL_MODEL: Curve = [
  { tokens: 1, ms: 10.6 },
  { tokens: 2, ms: 19.9 },
  { tokens: 4, ms: 34.5 },
  { tokens: 8, ms: 45.1 },
  { tokens: 16, ms: 92.3 },
];

/** Source code as a text to copy or edit: this folder's own. */
const CODE = readFileSync(new URL("../../../../src/engine/worker/drafts/lookup.ts", import.meta.url), "utf8");
const PROSE = readFileSync(new URL("../../../../docs/decisions/007-exactness.md", import.meta.url), "utf8");

/** About the size of a vocabulary's tokens: words, spaces and signs. */
function tokenizeWords(text: string, ids: Map<string, number>): number[] {
  return (text.match(/ ?[A-Za-z]{1,8}|\s+|\S/g) ?? []).map((word) => {
    const id = ids.get(word) ?? ids.size + 1;
    ids.set(word, id);
    return id;
  });
}

/** How many times as fast an answer is with drafts, if calls take exactly what the curve says. */
function speedUp(curve: Curve, promptText: string, answerText: string): number {
  const ids = new Map<string, number>();
  const prompt = tokenizeWords(promptText, ids);
  const answer = tokenizeWords(answerText, ids);
  const truth = createCallCosts(curve);
  const costs = createCallCosts(curve);
  const lookup = createLookup(prompt, answer.length);
  let ms = 0;
  for (let done = 0; done < answer.length; ) {
    const proposed = lookup.propose(Math.min(DRAFT_LENGTHS[0], answer.length - done - 1));
    const candidate = { available: proposed.length, expect: lookup.expect };
    const { length } = chooseDrafts(proposed.length === 0 ? [] : [candidate], 1, costs, 128);
    const wrong = proposed.slice(0, length).findIndex((token, place) => token !== answer[done + place]);
    const accepted = wrong < 0 ? length : wrong;
    ms += length === 0 ? truth.plainMs(1) : truth.draftMs(length + 1);
    for (const token of answer.slice(done, done + accepted + 1)) lookup.push(token);
    done += accepted + 1;
  }
  return (answer.length * truth.plainMs(1)) / ms;
}

const TASKS = {
  copy: [PROSE, PROSE.slice(0, 4_000)],
  edit: [CODE, CODE.replaceAll("matched", "agreeing").replace("let source", "let next").slice(0, 5_000)],
  summary: [
    PROSE,
    PROSE.split("\n")
      .filter((_, line) => line % 3 === 0)
      .join(" But "),
  ],
  other: [CODE, PROSE.slice(0, 4_000)],
} as const satisfies Record<string, readonly [prompt: string, answer: string]>;

describe("the gain by drafts in a simulation", () => {
  test.each([
    ["copy", 7],
    ["edit", 2.5],
    ["summary", 4],
    ["other", 1],
  ] as const)("on a memory-bound machine, %s is at least %s times as fast", (task, factor) => {
    const gain = speedUp(MEMORY_BOUND, ...TASKS[task]);
    expect(gain).toBeGreaterThanOrEqual(factor);
  });

  test.each([
    ["copy", 1.3],
    ["edit", 1],
    ["summary", 1],
    ["other", 0.98],
  ] as const)("with a small model on a CPU, %s is at least %s times as fast", (task, factor) => {
    expect(speedUp(SMALL_MODEL, ...TASKS[task])).toBeGreaterThanOrEqual(factor);
  });
});
