import { describe, expect, it } from "vitest";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { withDefaults } from "../../../src/generation/wish.ts";
import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { COMPLETION_DEFAULTS, decodeCompletionRequest } from "../../../src/protocols/completions/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeMessagesRequest } from "../../../src/protocols/messages/decode.ts";
import { decodeResponsesRequest } from "../../../src/protocols/responses/decode.ts";
import { WORDS } from "../../../src/protocols/words/index.ts";
import type { Route } from "../../../src/protocols/words/word.ts";
import { completed, completedWithoutPrompt } from "../support.ts";

type Fields = Readonly<Record<string, unknown>>;
type Read = { readonly generation: Partial<GenerationRequest>; readonly templateArguments?: unknown };

const messages = [{ role: "user", content: "Hi" }];
// Random ids would differ each time.
const input = [{ id: "msg_1", role: "user", content: "Hi" }];

const DECODERS: Readonly<Record<Route, (fields: Fields) => Read>> = {
  chat: (fields) => completed(decodeChatRequest({ model: "m", messages, ...fields })),
  completions(fields) {
    const { wish } = decodeCompletionRequest({ model: "m", prompt: "Hi", ...fields });
    const { said, ...generation } = withDefaults(wish, undefined, COMPLETION_DEFAULTS);
    return { generation };
  },
  responses: (fields) => completedWithoutPrompt(decodeResponsesRequest({ model: "m", input, ...fields })),
  messages: (fields) => completed(decodeMessagesRequest({ model: "m", messages, max_tokens: 7, ...fields })),
};

/** The generation for a request with `fields`. */
function wanted(route: Route, fields: Fields): unknown {
  const { generation, templateArguments } = DECODERS[route](fields);
  return { ...generation, templateArguments };
}

function refusal(route: Route, fields: Fields): InvalidRequestError {
  try {
    DECODERS[route](fields);
  } catch (error) {
    if (error instanceof InvalidRequestError) return error;
    throw error;
  }
  throw new Error(`${route} accepted ${JSON.stringify(fields)}.`);
}

/** A body with the field at the path `name`, such as `text.verbosity`. */
function fieldsOf(name: string, value: unknown): Fields {
  const [outer = name, inner] = name.split(".");
  const fields = { [outer]: inner === undefined ? value : { [inner]: value } };
  return outer === "stream_options" ? { stream: true, ...fields } : fields;
}

const ALL = ["chat", "completions", "responses", "messages"] as const;
const JSON_OBJECT = { output: { type: "json" } };
const SCHEMA = { type: "object", properties: { a: { type: "string" } } };
const HELD = { output: { type: "schema", schema: SCHEMA } };
const GRAMMAR = { output: { type: "grammar", grammar: { gbnf: 'root ::= "a"' } } };
const sampling = (fields: object) => ({ sampling: expect.objectContaining(fields) });

/** Fields of other servers' clients, and the expected generation on these routes. */
const HONOURED: readonly [fields: Fields, routes: readonly Route[], wanted: object][] = [
  [{ guided_json: SCHEMA }, ALL, HELD],
  [{ guided_json: JSON.stringify(SCHEMA) }, ALL, HELD],
  [{ guided_json_object: true }, ALL, JSON_OBJECT],
  [{ guided_regex: "[0-9]{3}" }, ALL, { output: { type: "regex", pattern: "[0-9]{3}" } }],
  [{ guided_regex: "(?P<n>[0-9]+)\\Z" }, ALL, { output: { type: "regex", pattern: "(?<n>[0-9]+)" } }],
  [{ guided_choice: ["yes", "no."] }, ALL, { output: { type: "regex", pattern: "yes|no\\." } }],
  [{ guided_grammar: 'root ::= "a"' }, ALL, GRAMMAR],
  [{ guided_grammar: 'start: "yes" | "no"' }, ALL, { output: { type: "grammar" } }],
  [{ structured_outputs: { json: SCHEMA } }, ALL, HELD],
  [{ structured_outputs: { regex: "a+" } }, ALL, { output: { type: "regex", pattern: "a+" } }],
  [{ structured_outputs: { choice: ["a", "b"] } }, ALL, { output: { type: "regex", pattern: "a|b" } }],
  [{ structured_outputs: { grammar: 'root ::= "a"' } }, ALL, GRAMMAR],
  [{ structured_outputs: { json_object: true } }, ALL, JSON_OBJECT],
  [{ json_schema: SCHEMA }, ALL, HELD],
  [{ json_schema: JSON.stringify(SCHEMA) }, ALL, HELD],
  [{ grammar: 'root ::= "a"' }, ALL, GRAMMAR],
  [{ ebnf: 'root ::= "a"' }, ALL, GRAMMAR],
  [{ regex: "a+" }, ALL, { output: { type: "regex", pattern: "a+" } }],
  [{ format: "json" }, ALL, JSON_OBJECT],
  [{ format: SCHEMA }, ALL, HELD],
  [{ response_format: { type: "json_schema", schema: SCHEMA } }, ["chat", "completions"], HELD],
  [{ response_format: { type: "json_schema", json_schema: { schema: SCHEMA } } }, ["chat", "completions"], HELD],
  [{ response_format: { type: "json", value: SCHEMA } }, ["chat", "completions"], HELD],
  [{ response_format: { type: "grammar", grammar: 'root ::= "a"' } }, ["chat", "completions"], GRAMMAR],
  [
    { response_format: { type: "regex", value: "a+" } },
    ["chat", "completions"],
    { output: { type: "regex", pattern: "a+" } },
  ],
  [{ output_format: { type: "json_schema", schema: SCHEMA } }, ["messages"], HELD],

  [{ stop_token_ids: [7, 8] }, ALL, { stopTokenIds: [7, 8] }],
  [{ include_stop_str_in_output: true }, ALL, { showsStop: true }],
  [{ no_stop_trim: true }, ALL, { showsStop: true }],
  [{ skip_special_tokens: false }, ALL, { showControlTokens: true }],
  [{ bad_words: ["cat", "dog"] }, ALL, sampling({ badWords: ["cat", "dog"] })],
  [{ allowed_token_ids: [1, 2] }, ALL, sampling({ allowedTokenIds: [1, 2] })],
  [{ min_tokens: 5 }, ALL, sampling({ minTokens: 5 })],
  [{ ignore_eos: true }, ALL, sampling({ ignoresEnd: true })],
  [{ ban_eos_token: true }, ALL, sampling({ ignoresEnd: true })],
  [{ random_seed: 4 }, ALL, sampling({ seed: 4 })],
  [{ top_k: 5 }, ALL, sampling({ topK: 5 })],
  [{ min_p: 0.1 }, ALL, sampling({ minP: 0.1 })],
  [{ repeat_penalty: 1.2 }, ALL, sampling({ repeatPenalty: 1.2, repeatLastTokens: 64 })],
  [{ repeat_penalty: 1.2, repeat_last_n: 9 }, ALL, sampling({ repeatPenalty: 1.2, repeatLastTokens: 9 })],
  [{ repetition_penalty: 1.2 }, ALL, sampling({ repeatPenalty: 1.2, repeatLastTokens: -1 })],
  [{ xtc_probability: 0.5, xtc_threshold: 0.2 }, ALL, sampling({ xtcProbability: 0.5, xtcThreshold: 0.2 })],
  [{ seed: 4, presence_penalty: 1 }, ALL, sampling({ seed: 4, presencePenalty: 1 })],
  [{ logit_bias: { "5": -100 } }, ALL, sampling({ logitBias: [[5, -100]] })],
  [
    {
      logit_bias: [
        [5, false],
        [6, 2.5],
      ],
    },
    ALL,
    sampling({
      logitBias: [
        [5, -100],
        [6, 2.5],
      ],
    }),
  ],
  [{ stop: "END" }, ["chat", "completions", "responses"], { stop: ["END"] }],
  [{ stop: ["", "END"] }, ["chat", "completions", "responses"], { stop: ["END"] }],
  [{ n_predict: 9 }, ["chat", "completions", "responses"], { maxTokens: 9 }],
  [{ max_new_tokens: 9 }, ["chat", "completions", "responses"], { maxTokens: 9 }],
  [{ num_predict: -1 }, ["chat", "completions", "responses"], { maxTokens: undefined }],
  [{ max_tokens: -1 }, ["chat", "completions"], { maxTokens: undefined }],
  [{ max_completion_tokens: -1 }, ["chat"], { maxTokens: undefined }],
  [{ max_output_tokens: -1 }, ["responses"], { maxTokens: undefined }],
  [{ max_tokens: 0 }, ["completions", "messages"], { maxTokens: 0 }],
  [
    { options: { num_predict: 9, temperature: 0.5, num_ctx: 4096 } },
    ["chat", "completions", "responses"],
    { maxTokens: 9, ...sampling({ temperature: 0.5 }) },
  ],
  [{ options: { num_predict: 9 }, max_tokens: 9 }, ["chat", "completions"], { maxTokens: 9 }],
];

const thinks = (fields: object) => ({ prompt: expect.objectContaining({ templateArguments: fields }) });

const THOUGHTFUL: readonly [fields: Fields, wanted: object][] = [
  [{ enable_thinking: false }, thinks({ enable_thinking: false })],
  [{ think: true }, thinks({ enable_thinking: true })],
  [{ think: "low" }, thinks({ enable_thinking: true, reasoning_effort: "low" })],
  [{ thinking: { type: "disabled" } }, thinks({ enable_thinking: false })],
  [{ reasoning: { effort: "high" } }, thinks({ enable_thinking: true, reasoning_effort: "high" })],
  [{ reasoning_effort: "max" }, thinks({ enable_thinking: true, reasoning_effort: "high" })],
  [{ add_generation_prompt: false }, { prompt: expect.objectContaining({ withoutLead: true }) }],
];

/** Unsupported values that would change the answer, by field. */
const REFUSED: readonly [name: string, value: unknown, routes: readonly Route[]][] = [
  ["mirostat", 2, ALL],
  ["typical_p", 0.9, ALL],
  ["tfs_z", 0.9, ALL],
  ["dry_multiplier", 0.8, ALL],
  ["dynatemp_range", 0.5, ALL],
  ["top_n_sigma", 1, ALL],
  ["samplers", ["temperature", "top_k"], ALL],
  ["use_beam_search", true, ALL],
  ["best_of", 2, ["chat", "responses", "messages"]],
  ["truncate_prompt_tokens", 10, ALL],
  ["truncate", 10, ALL],
  ["prompt_truncate_len", 10, ALL],
  ["do_sample", false, ALL],
  ["watermark", true, ALL],
  ["safe_prompt", true, ALL],
  ["guidance_scale", 1.5, ALL],
  ["num_beams", 4, ALL],
  ["no_repeat_ngram_size", 3, ALL],
  ["custom_token_bans", "5", ALL],
  ["chat_template", "{{ messages }}", ALL],
  ["documents", [{ text: "x" }], ["chat"]],
  ["logits_processors", ["x.Y"], ALL],
  ["custom_logit_processor", "x", ALL],
  ["t_max_predict_ms", 100, ALL],
  ["lora_path", "x", ALL],
  ["stop_regex", "a+", ALL],
  ["raw", true, ALL],
  ["grammar_lazy", true, ALL],
  ["return_token_ids", true, ALL],
  ["n_probs", 3, ALL],
  ["thinking_token_budget", 100, ALL],
  ["structured_outputs.structural_tag", "{}", ALL],
  ["guided_whitespace_pattern", " ?", ALL],
  ["echo", true, ["chat", "responses", "messages"]],
];

/** Fields of Sluice's other routes, and the right field on this one. */
const OF_OTHER_ROUTES: readonly [route: Route, name: string, value: unknown, own: string][] = [
  ["chat", "input", "Hi", "messages"],
  ["chat", "prompt", "Hi", "messages"],
  ["chat", "instructions", "Be brief.", "system"],
  ["chat", "max_output_tokens", 9, "max_completion_tokens"],
  ["chat", "previous_response_id", "resp_1", "/v1/responses"],
  ["chat", "text", { format: { type: "json_object" } }, "response_format"],
  ["chat", "stop_sequences", ["END"], "stop"],
  ["completions", "messages", messages, "prompt"],
  ["completions", "max_completion_tokens", 9, "max_tokens"],
  ["completions", "top_logprobs", 3, "logprobs"],
  ["completions", "tools", [{}], "/v1/chat/completions"],
  ["responses", "messages", messages, "input"],
  ["responses", "max_tokens", 9, "max_output_tokens"],
  ["responses", "max_completion_tokens", 9, "max_output_tokens"],
  ["responses", "response_format", { type: "json_object" }, "text.format"],
  ["responses", "reasoning_effort", "low", "reasoning.effort"],
  ["responses", "logprobs", true, "top_logprobs"],
  ["responses", "n", 2, "one answer"],
  ["responses", "system", "Be brief.", "instructions"],
  ["messages", "stop", "END", "stop_sequences"],
  ["messages", "max_completion_tokens", 9, "max_tokens"],
  ["messages", "max_output_tokens", 9, "max_tokens"],
  ["messages", "response_format", { type: "json_object" }, "output_config.format"],
  ["messages", "reasoning_effort", "low", "output_config.effort"],
  ["messages", "instructions", "Be brief.", "system"],
  ["messages", "n", 2, "one answer"],
];

/** Unsupported fields with values without effect. */
const TAKEN: readonly [fields: Fields, routes: readonly Route[]][] = [
  [{ verbosity: "low" }, ALL],
  [{ text: { verbosity: "high" } }, ["responses"]],
  [{ reasoning: { summary: "detailed" } }, ["responses"]],
  [{ prompt_cache_retention: "24h", prompt_cache_key: "k", prompt_cache_options: { mode: "explicit" } }, ALL],
  [{ stream: true, stream_options: { include_obfuscation: true } }, ["chat", "completions", "responses"]],
  [{ safety_identifier: "s", user: "u" }, ALL],
  [{ context_management: [{ type: "compaction", compact_threshold: 9_000 }] }, ["responses"]],
  [{ context_management: { edits: [{ type: "clear_thinking_20251015" }] } }, ["messages"]],
  [{ betas: ["x"], speed: "fast", cache_control: { type: "ephemeral" }, diagnostics: {} }, ["messages"]],
  [{ modalities: ["text"] }, ["chat"]],
  [{ mirostat: 0, mirostat_tau: 5, typical_p: 1, tfs_z: 1, top_n_sigma: -1, dry_multiplier: 0, dry_base: 1.75 }, ALL],
  [{ dynatemp_range: 0, xtc_probability: 0, min_keep: 0, samplers: "edskypmxt", n_probs: 0, t_max_predict_ms: 0 }, ALL],
  // llama.vim sends this for instructions.
  [{ samplers: ["min_p", "temperature"] }, ALL],
  [{ use_beam_search: false, length_penalty: 2, best_of: 1, ignore_eos: false, min_tokens: 0, bad_words: [] }, ALL],
  [{ stop_token_ids: [], allowed_token_ids: [], skip_special_tokens: true, repetition_penalty: 1 }, ALL],
  [{ id_slot: 1, cache_prompt: true, n_keep: 4, timings_per_token: true, keep_alive: "5m", priority: 3 }, ALL],
  [{ request_id: "r", rid: "r", cache_salt: "s", guided_decoding_backend: "xgrammar", lora_path: null }, ALL],
  [{ grammar: "", json_schema: null, guided_choice: null, structured_outputs: {}, format: "" }, ALL],
  [{ add_generation_prompt: true, echo: false, continue_final_message: false }, ["chat"]],
  [{ echo: false, logprobs: null }, ["completions"]],
  [{ options: { num_ctx: 8_192, num_gpu: 1 } }, ALL],
  [
    { do_sample: true, watermark: false, truncate: false, return_full_text: false, details: false, safe_prompt: false },
    ALL,
  ],
  [{ guidance_scale: 1, num_beams: 1, no_repeat_ngram_size: 0, truncation_length: 2_048, custom_token_bans: "" }, ALL],
];

describe("a field of another server", () => {
  const spread = <Row extends readonly unknown[]>(rows: readonly Row[], routesOf: (row: Row) => readonly Route[]) =>
    rows.flatMap((row) => routesOf(row).map((route) => [route, row] as const));

  it.each(spread(HONOURED, ([, routes]) => routes))("is honoured: /%s, %j", (route, [fields, , expected]) => {
    expect(wanted(route, fields)).toMatchObject(expected);
  });

  it.each(THOUGHTFUL)("about thinking is passed to the chat template: %j", (fields, expected) => {
    expect(wanted("chat", fields)).toMatchObject(expected);
  });

  it.each(spread(REFUSED, ([, , routes]) => routes))(
    "is refused by name if it is unsupported: /%s, %j",
    (route, [name, value]) => {
      const error = refusal(route, fieldsOf(name, value));
      expect(error.param).toBe(name);
      expect(error.message).toContain(`'${name}'`);
    },
  );

  it.each(spread(TAKEN, ([, routes]) => routes))(
    "is accepted with a value without effect: /%s, %j",
    (route, [fields]) => {
      expect(wanted(route, fields)).toEqual(wanted(route, {}));
    },
  );

  it.each(OF_OTHER_ROUTES)(
    "of another route is refused on /%s, with the right field: %s",
    (route, name, value, own) => {
      const error = refusal(route, { [name]: value });
      expect(error.param).toBe(name);
      expect(error.message).toContain(own);
    },
  );

  it("without a substitute is refused with the advice to leave it out", () => {
    expect(refusal("chat", { mirostat: 2 }).message).toBe(
      "Unsupported parameter: 'mirostat' is not supported here: this sampler is not available. Leave it out.",
    );
    expect(refusal("chat", { max_output_tokens: 9 }).message).toBe(
      "Unsupported parameter: 'max_output_tokens' is not supported here: use 'max_completion_tokens'.",
    );
  });

  it("is refused if its alias has a different value, and accepted if it has the same", () => {
    expect(refusal("chat", { max_tokens: 5, n_predict: 6 })).toMatchObject({
      param: "n_predict",
      code: "invalid_parameter_combination",
    });
    expect(wanted("chat", { max_tokens: 5, n_predict: 5 })).toMatchObject({ maxTokens: 5 });
    expect(refusal("chat", { repeat_penalty: 1.1, repetition_penalty: 1.3 }).param).toBe("repetition_penalty");
  });

  it("is refused with another format field, also one of Sluice's own", () => {
    const two = { guided_choice: ["a"], json_schema: SCHEMA };
    for (const route of ALL) expect(refusal(route, two).code).toBe("invalid_parameter_combination");
    expect(refusal("responses", { text: { format: { type: "json_object" } }, guided_regex: "a" }).param).toBe(
      "guided_regex",
    );
    expect(
      refusal("messages", { output_config: { format: { type: "json_schema", schema: {} } }, format: "json" }).param,
    ).toBe("format");
  });

  it("keeps the numbers of a schema that is sent as a string", () => {
    const schema = '{"const":123456789012345678}';
    expect(JSON.stringify(wanted("chat", { guided_json: schema }))).toContain(schema);
  });

  it("with a pattern is refused with tools that may be called", () => {
    const tools = {
      chat: [{ type: "function", function: { name: "f" } }],
      responses: [{ type: "function", name: "f" }],
      messages: [{ name: "f", input_schema: { type: "object" } }],
    };
    for (const route of ["chat", "responses", "messages"] as const) {
      expect(refusal(route, { tools: tools[route], guided_choice: ["a"] }).param).toBe("guided_choice");
    }
  });

  it.each([
    ["guided_choice", []],
    ["guided_choice", [""]],
    ["guided_choice", "a"],
    ["guided_json", 7],
    ["guided_json", "not JSON"],
    ["guided_json", "[1]"],
    ["guided_json", '{"anyOf":['.repeat(5_000)],
    ["json_schema", `${'{"not":'.repeat(5_000)}{}${"}".repeat(5_000)}`],
    ["guided_regex", "("],
    ["guided_grammar", "start: unknown"],
    ["guided_grammar", "root ::= unknown"],
    ["ebnf", "root := a"],
    ["structured_outputs", "x"],
    ["format", "yaml"],
    ["stop_token_ids", [-1]],
    ["stop_token_ids", Array.from({ length: 300 }, () => 1)],
    ["bad_words", "cat"],
    ["min_tokens", -1],
    ["allowed_token_ids", ["a"]],
    ["repetition_penalty", 0],
  ])("is refused by name if it is malformed: %s %j", (name, value) => {
    for (const route of ALL) expect(refusal(route, { [name]: value }).param).toMatch(new RegExp(`^${name}`));
  });
});

/** A value with an effect, for the fields whose type is checked. */
const ASKING: Readonly<Record<string, unknown>> = {
  prediction: { type: "content", content: "x" },
  metadata: { user_id: "u" },
  max_tool_calls: 3,
  options: { num_ctx: 4_096 },
  "text.verbosity": "low",
  "reasoning.summary": "auto",
  "reasoning.generate_summary": "auto",
  "stream_options.include_obfuscation": true,
};

describe.each(WORDS.flatMap((word) => word.routes.map((route) => ({ ...word, route }))))(
  "$name on /$route",
  ({ name, fate, route }) => {
    it(`is treated as the list says: ${fate.type}`, () => {
      const nothing = wanted(route, {});
      if (fate.type === "hint") {
        expect(wanted(route, fieldsOf(name, ASKING[name] ?? "asked"))).toEqual(
          name.startsWith("stream_options") ? wanted(route, { stream: true }) : nothing,
        );
      } else if (fate.type === "refused") {
        expect(refusal(route, fieldsOf(name, "asked for something"))).toMatchObject({ param: name });
        for (const harmless of [null, [], ...fate.neutral]) {
          expect(wanted(route, fieldsOf(name, harmless))).toEqual(nothing);
        }
      } else {
        // A value with a wrong type is refused by name, so the field is read.
        const error = refusal(route, fieldsOf(name, [[7]]));
        expect(error.param).toMatch(new RegExp(`^${name}`));
      }
    });
  },
);

describe("the list of words", () => {
  it("has each name at most once per route", () => {
    const all = WORDS.flatMap(({ name, routes }) => routes.map((route) => `${route} ${name}`));
    expect(all.filter((each, index) => all.indexOf(each) !== index)).toEqual([]);
  });

  it.each([
    "guided_choice guided_regex guided_json guided_grammar structured_outputs json_schema grammar ebnf regex format",
    "stop_token_ids bad_words min_tokens ignore_eos n_predict prompt_logprobs repetition_penalty repeat_penalty top_k min_p",
    "typical_p tfs_z mirostat mirostat_tau mirostat_eta dry_multiplier xtc_probability dynatemp_range samplers length_penalty",
    "use_beam_search skip_special_tokens spaces_between_special_tokens include_stop_str_in_output truncate_prompt_tokens",
    "add_generation_prompt continue_final_message chat_template logits_processors allowed_token_ids id_slot cache_prompt",
    "t_max_predict_ms n_keep options keep_alive think raw rid lora_path priority cache_salt best_of",
  ])("has on each route the fields of other servers' clients: %s", (names) => {
    for (const name of names.split(" ")) {
      const routes = WORDS.filter((word) => word.name === name).flatMap((word) => word.routes);
      const own = name === "best_of" || name === "prompt_logprobs" ? ["completions", "chat"] : [];
      expect([...new Set([...routes, ...own])].sort(), name).toEqual([...ALL].sort());
    }
  });
});
