import fc from "fast-check";
import { expect, test } from "vitest";
import type { WorkerMessage } from "../../../src/engine/contract/messages.ts";
import { parseWorkerMessage } from "../../../src/engine/contract/messages.ts";
import { STEP_SECONDS, STEP_SEQUENCES } from "../../../src/generation/step-counts.ts";
import { INFO } from "../host/fake-worker.ts";

const messages: readonly WorkerMessage[] = [
  { type: "loaded", info: INFO },
  { type: "loadFailed", reason: "not a GGUF" },
  {
    type: "rejected",
    id: 1,
    rejection: { code: "context_length_exceeded", promptTokens: 9, contextTokens: 8, atLeast: true },
  },
  { type: "rejected", id: 1, rejection: { code: "unrenderable_prompt", reason: "roles" } },
  { type: "rejected", id: 1, rejection: { code: "invalid_sampling", field: "logitBias", reason: "no such token" } },
  // Which fields a request has, is for those to say who read it.
  { type: "rejected", id: 1, rejection: { code: "invalid_sampling", field: "unheardOf", reason: "wrong" } },
  { type: "rejected", id: 1, rejection: { code: "failed", reason: "no memory" } },
  { type: "step", updates: [] },
  {
    type: "step",
    updates: [
      { id: 1, started: { promptTokens: 3, cachedTokens: 0 }, tokens: [5], text: "a" },
      { id: 2, tokens: [], text: "", finished: { reason: "stop", completionTokens: 7 } },
      { id: 3, tokens: [], text: "", finished: { reason: "stop", completionTokens: 7, stopString: "END" } },
    ],
  },
  {
    type: "step",
    updates: [
      {
        id: 1,
        tokens: [5],
        text: "a",
        logprobs: [{ token: 5, bytes: [97], logprob: -0.5, top: [{ token: 7, bytes: [226, 130], logprob: -0.25 }] }],
      },
    ],
  },
  { type: "result", id: 1, result: { type: "tokens", tokens: Uint32Array.of(1, 2) } },
  { type: "result", id: 2, result: { type: "text", text: "a" } },
  { type: "result", id: 3, result: { type: "count", count: 7 } },
  { type: "result", id: 5, result: { type: "price", promptTokens: 7, cachedTokens: 6 } },
  {
    type: "result",
    id: 4,
    result: { type: "rejected", rejection: { code: "unrenderable_prompt", reason: "roles" } },
  },
  {
    type: "steps",
    steps: {
      betweenTokens: { counts: STEP_SECONDS.concat(0).map(() => 1), sum: 2.5 },
      decodes: { counts: STEP_SECONDS.concat(0).map(() => 2), sum: 2.5 },
      sequences: { counts: STEP_SEQUENCES.concat(0).map(() => 3), sum: 9 },
      prefills: { counts: STEP_SECONDS.concat(0).map(() => 0), sum: 0 },
      reused: { slot: 3, file: 0 },
    },
  },
  { type: "heartbeat", decodingForMs: 12.5 },
  { type: "log", level: "warn", message: "slow" },
];

test.each(messages)("a message of the contract passes unchanged: %j", (message) => {
  expect(parseWorkerMessage(message)).toEqual({ message });
});

test.each([
  ["nothing", undefined],
  ["an unknown type", { type: "hello" }],
  ["a step without updates", { type: "step" }],
  ["an update whose tokens are text", { type: "step", updates: [{ id: 1, tokens: "5", text: "" }] }],
  ["a token that is no whole number", { type: "step", updates: [{ id: 1, tokens: [0.5], text: "" }] }],
  [
    "an unknown reason to finish",
    { type: "step", updates: [{ id: 1, tokens: [], text: "", finished: { reason: "x" } }] },
  ],
])("%s is refused", (_name, message) => {
  expect(parseWorkerMessage(message)).toHaveProperty("problem");
});

test("a problem names the fields, but not their text", () => {
  const parsed = parseWorkerMessage({ type: "step", updates: [{ id: "secret", tokens: [1], text: "secret" }] });
  expect(parsed).toEqual({ problem: "updates.0.id: invalid_type" });
});

test("the quick check of a step accepts what the schema accepts, and nothing else", () => {
  const odd = fc.constantFrom(undefined, null, -1, 0.5, 2 ** 53, Number.NaN, "7", "", [], {}, [-1], [undefined]);
  const id = fc.nat();
  const fields = { id, tokens: fc.array(fc.nat()), text: fc.string() };
  const plain = fc.record(fields);
  const wrong = fc
    .tuple(plain, fc.constantFrom("id", "tokens", "text", "logprobs", "finished"), odd)
    .map(([update, field, value]) => ({ ...update, [field]: value }));
  const update = fc.oneof({ weight: 3, arbitrary: plain }, fc.record(fields, { requiredKeys: [] }), wrong, odd);
  const withHoles = fc.sparseArray(fc.nat(), { maxLength: 4 }).map((tokens) => ({ id: 1, tokens, text: "" }));
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: update }, withHoles), { maxLength: 4 }), (updates) => {
      // A field that the contract doesn't have is ignored, but makes the step too unusual for the quick check.
      const last = { id: 1, tokens: [], text: "" };
      const checked = parseWorkerMessage({ type: "step", updates: [...updates, { ...last, unheardOf: 1 }] });
      expect(parseWorkerMessage({ type: "step", updates: [...updates, last] })).toEqual(checked);
    }),
    { numRuns: 1_000 },
  );
});
