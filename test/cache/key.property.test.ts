import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/cache/key.ts";
import type { GenerationRequest, Prompt, Sampling } from "../../src/generation/request.ts";
import { generationRequest } from "../fixtures/generation.ts";

const text = fc.string({ unit: "binary", maxLength: 12 });
const name = fc.stringMatching(/^[a-z]{1,8}$/);
const record = (value: fc.Arbitrary<unknown>) => fc.dictionary(name, value, { maxKeys: 4 });

const message = fc.record(
  {
    role: fc.constantFrom("system", "user", "assistant", "tool"),
    content: text,
    name,
    toolCalls: fc.array(fc.record({ id: name, name, arguments: text }), { maxLength: 2 }),
    toolCallId: name,
    reasoning: text,
  },
  { requiredKeys: ["role", "content"] },
);

const prompt: fc.Arbitrary<Prompt> = fc.oneof(
  fc.record(
    {
      type: fc.constant("chat" as const),
      messages: fc.array(message, { minLength: 1, maxLength: 3 }),
      continueFinal: fc.boolean(),
      templateArguments: record(fc.oneof(text, fc.boolean(), record(text))),
    },
    { requiredKeys: ["type", "messages"] },
  ),
  fc.record({ type: fc.constant("text" as const), text }),
  fc.record({ type: fc.constant("tokens" as const), tokens: fc.array(fc.nat(), { maxLength: 4 }) }),
  fc.record({ type: fc.constant("infill" as const), prefix: text, suffix: text }),
);

const property = fc.record(
  { type: fc.constantFrom("string", "integer"), description: text },
  { requiredKeys: ["type"] },
);
const schema = fc
  .record(
    { properties: record(property), required: fc.array(name, { maxLength: 2 }), title: text },
    { requiredKeys: [] },
  )
  .map((rest) => ({ type: "object", ...rest }));

const output = fc.oneof(
  fc.record({ type: fc.constant("json" as const) }),
  fc.record({ type: fc.constant("schema" as const), schema }),
  fc.record({ type: fc.constant("regex" as const), pattern: text }),
);

const tools = fc.record({
  tools: fc.array(
    fc.record({ name, description: text, parameters: schema, strict: fc.boolean() }, { requiredKeys: ["name"] }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  choice: fc.constantFrom("none" as const, "auto" as const, "required" as const),
  allowed: fc.option(fc.array(name, { maxLength: 2 }), { nil: undefined }),
  parallel: fc.boolean(),
});

const sampling = fc.record({
  temperature: fc.constantFrom(0, 0.5, 1),
  topP: fc.constantFrom(1, 0.9),
  topK: fc.constantFrom(0, 40),
  minP: fc.constantFrom(0, 0.1),
  repeatPenalty: fc.constantFrom(1, 1.1),
  repeatLastTokens: fc.constantFrom(64, -1),
  presencePenalty: fc.constantFrom(0, 1),
  frequencyPenalty: fc.constantFrom(0, 1),
  xtcProbability: fc.constantFrom(0, 0.5),
  xtcThreshold: fc.constantFrom(0.1, 0.2),
  allowedTokenIds: fc.option(fc.array(fc.nat(), { maxLength: 2 }), { nil: undefined }),
  badWords: fc.array(name, { maxLength: 2 }),
  minTokens: fc.nat(3),
  ignoresEnd: fc.boolean(),
  logitBias: fc.uniqueArray(fc.tuple(fc.nat(99), fc.integer({ min: -100, max: 100 })), {
    selector: ([token]) => token,
    maxLength: 3,
  }),
  seed: fc.option(fc.nat(), { nil: undefined }),
});

const request: fc.Arbitrary<GenerationRequest> = fc
  .record(
    {
      prompt,
      tools,
      output,
      logprobs: fc.nat(20),
      showControlTokens: fc.boolean(),
      choices: fc.integer({ min: 1, max: 4 }),
      maxTokens: fc.option(fc.nat(100), { nil: undefined }),
      stop: fc.array(text, { maxLength: 2 }),
      sampling,
    },
    { requiredKeys: ["prompt", "choices", "maxTokens", "stop", "sampling"] },
  )
  .map((parts) => generationRequest(parts));

/** The same value with the keys of every object in the reverse order, but for what stands in an order that the model sees. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null || value instanceof AbortSignal) return value;
  const entries = Object.entries(value).map(([key, each]) => {
    if (key === "parameters") return [key, each];
    if (key === "templateArguments") return [key, Object.fromEntries(Object.entries(Object(each)).toReversed())];
    return [key, key === "properties" ? inOrder(each) : reordered(each)];
  });
  return Object.fromEntries(entries.toReversed());
}

function inOrder(properties: unknown): unknown {
  return Object.fromEntries(Object.entries(Object(properties)).map(([key, each]) => [key, reordered(each)]));
}

const key = (of: GenerationRequest) => keyOf(of, "model");

describe("keyOf", () => {
  it("doesn't depend on the order of keys that the model doesn't see, nor on the order of biases", () => {
    fc.assert(
      fc.property(request, (original) => {
        const other = reordered(original) as GenerationRequest;
        const logitBias = original.sampling.logitBias.toReversed();
        expect(key({ ...other, sampling: { ...other.sampling, logitBias } })).toBe(key(original));
      }),
    );
  });

  it("doesn't depend on explicit defaults, nor on the terms of requests of one tenant", () => {
    fc.assert(
      fc.property(request, (original) => {
        const { tools: asked, prompt: from } = original;
        const said: GenerationRequest = {
          ...original,
          id: "req_other",
          said: { sampling: { temperature: 0.123 } },
          model: "alias",
          signal: AbortSignal.abort(),
          cache: { noCache: true, maxAgeSeconds: 3 },
          terms: { tenant: "local", priority: "batch", maxWaitMs: 5, supersedeId: "x" },
          showControlTokens: original.showControlTokens ?? false,
          prompt:
            from.type === "chat"
              ? { ...from, continueFinal: from.continueFinal ?? false, templateArguments: from.templateArguments ?? {} }
              : from,
          ...(asked && {
            tools: { ...asked, tools: asked.tools.map((tool) => ({ ...tool, strict: tool.strict ?? false })) },
          }),
        };
        expect(key(said)).toBe(key(original));
      }),
    );
  });

  it("changes with every change that matters", () => {
    fc.assert(
      fc.property(request, (original) => {
        const changed = changes(original);
        const keys = new Set([original, ...changed].map(key));
        expect(keys.size).toBe(1 + changed.length);
        expect(keyOf(original, "another model")).not.toBe(key(original));
      }),
    );
  });

  it("changes with any unknown field in the request, its prompt, its sampling, a message or a tool", () => {
    const base = generationRequest({
      tools: { tools: [{ name: "f" }], choice: "auto", allowed: undefined, parallel: true },
    });
    const { prompt: chat, sampling: drawn, tools: use } = base;
    const added = { unheardOf: 1 };
    const messages = [{ role: "user" as const, content: "Hi", ...added }];
    const variants: GenerationRequest[] = [
      base,
      { ...base, ...added },
      { ...base, prompt: { ...chat, ...added } },
      { ...base, prompt: { type: "chat", messages } },
      { ...base, sampling: { ...drawn, ...added } },
      ...(use === undefined ? [] : [{ ...base, tools: { ...use, ...added } }]),
      ...(use === undefined ? [] : [{ ...base, tools: { ...use, tools: [{ name: "f", ...added }] } }]),
    ];
    expect(new Set(variants.map(key)).size).toBe(variants.length);
  });

  it("depends on the order of properties of a tool and of a format", () => {
    const [a, b] = [{ type: "string" }, { type: "integer" }];
    const withTool = (properties: object) =>
      generationRequest({
        tools: {
          tools: [{ name: "f", parameters: { type: "object", properties } }],
          choice: "auto",
          allowed: undefined,
          parallel: true,
        },
      });
    expect(key(withTool({ a, b }))).not.toBe(key(withTool({ b, a })));
    const withFormat = (properties: object) =>
      generationRequest({ output: { type: "schema", schema: { type: "object", properties } } });
    expect(key(withFormat({ a, b }))).not.toBe(key(withFormat({ b, a })));
    const withConstant = (value: object) => generationRequest({ output: { type: "schema", schema: { const: value } } });
    expect(key(withConstant({ a: 1, b: 2 }))).not.toBe(key(withConstant({ b: 2, a: 1 })));
  });

  it("ignores sampling settings at temperature 0, except whether there is a seed", () => {
    const greedy = (overrides: object) => {
      const base = generationRequest();
      return key({ ...base, sampling: { ...base.sampling, temperature: 0, ...overrides } });
    };
    expect(greedy({ topP: 0.5, topK: 3, minP: 0.1 })).toBe(greedy({}));
    expect(greedy({ seed: 1 })).toBe(greedy({ seed: 2 }));
    expect(greedy({ seed: 1 })).not.toBe(greedy({}));
  });

  it("distinguishes a property named like a keyword from the keyword", () => {
    const of = (schema: object) => key(generationRequest({ output: { type: "schema", schema: { ...schema } } }));
    const inner = { properties: { a: {}, b: {} } };
    expect(of({ properties: { properties: inner } })).not.toBe(
      of({ properties: { properties: { properties: { b: {}, a: {} } } } }),
    );
    expect(of({ properties: { const: { b: 1, a: 2 } } })).toBe(of({ properties: { const: { a: 2, b: 1 } } }));
  });
});

/** Another value for each field. A field that is added needs a line here, or it does not compile. */
const SAMPLING_CHANGES = {
  temperature: ({ temperature }) => temperature + 1,
  topP: ({ topP }) => topP / 2,
  topK: ({ topK }) => topK + 1,
  minP: ({ minP }) => minP + 0.25,
  repeatPenalty: ({ repeatPenalty }) => repeatPenalty + 1,
  presencePenalty: ({ presencePenalty }) => presencePenalty + 1,
  frequencyPenalty: ({ frequencyPenalty }) => frequencyPenalty + 0.5,
  repeatLastTokens: ({ repeatLastTokens }) => repeatLastTokens + 1,
  xtcProbability: ({ xtcProbability }) => xtcProbability + 0.25,
  xtcThreshold: ({ xtcThreshold }) => xtcThreshold + 0.25,
  allowedTokenIds: ({ allowedTokenIds = [] }) => [...allowedTokenIds, 7],
  badWords: ({ badWords }) => [...badWords, "x"],
  minTokens: ({ minTokens }) => minTokens + 1,
  ignoresEnd: ({ ignoresEnd }) => !ignoresEnd,
  logitBias: ({ logitBias }) => [...logitBias, [100, 1]],
  seed: ({ seed }) => (seed ?? 0) + 1,
} satisfies { readonly [Field in keyof Sampling]-?: (sampling: Sampling) => Sampling[Field] };

/** One request for each thing that matters, which differs from `original` in it. */
function changes(original: GenerationRequest): GenerationRequest[] {
  const { sampling: drawn, prompt: from, maxTokens, stop, choices, logprobs } = original;
  const tool = { name: "zz_another" };
  return [
    ...(from.type === "chat" ? changesOfChat(from).map((changed) => ({ ...original, prompt: changed })) : []),
    {
      ...original,
      prompt: from.type === "text" ? { type: "text", text: `${from.text}.` } : { type: "text", text: "" },
    },
    { ...original, tools: { tools: [tool], choice: "auto", allowed: undefined, parallel: true } },
    { ...original, output: { type: "grammar", grammar: { gbnf: "root ::= [a]" } } },
    { ...original, output: { type: "grammar", grammar: { gbnf: "root ::= [a]", triggers: ["<"] } } },
    { ...original, logprobs: (logprobs ?? 0) + 1 },
    { ...original, showControlTokens: original.showControlTokens !== true },
    { ...original, choices: choices + 1 },
    { ...original, maxTokens: (maxTokens ?? 0) + 1 },
    { ...original, stop: [...stop, "."] },
    ...Object.entries(SAMPLING_CHANGES).map(([field, change]) => ({
      ...original,
      sampling: { ...drawn, temperature: drawn.temperature + 0.25, [field]: change(drawn) },
    })),
    { ...original, cache: { isPublic: true } },
    { ...original, terms: { tenant: "another", priority: "default" } },
  ];
}

function changesOfChat(prompt: Extract<Prompt, { type: "chat" }>): Prompt[] {
  const [first, ...rest] = prompt.messages;
  if (first === undefined) return [];
  const withFirst = (changed: Partial<typeof first>): Prompt => ({
    ...prompt,
    messages: [{ ...first, ...changed }, ...rest],
  });
  const call = { id: "call_1", name: "f", arguments: "{}" };
  return [
    { ...prompt, continueFinal: prompt.continueFinal !== true },
    { ...prompt, templateArguments: { ...prompt.templateArguments, another_argument: true } },
    { ...prompt, messages: [...prompt.messages, first] },
    withFirst({ content: `${first.content}.` }),
    withFirst({ name: `${first.name}_` }),
    withFirst({ reasoning: `${first.reasoning}.` }),
    withFirst({ toolCallId: `${first.toolCallId}_` }),
    withFirst({ toolCalls: [...(first.toolCalls ?? []), call] }),
    withFirst({ toolCalls: [...(first.toolCalls ?? []), { ...call, arguments: '{"a":1}' }] }),
  ];
}
