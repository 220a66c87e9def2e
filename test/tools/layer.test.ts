import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest, ToolUse } from "../../src/generation/request.ts";
import { checkGbnf } from "../../src/grammar/gbnf/check.ts";
import { callTools } from "../../src/tools/layer.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { interpret } from "../grammar/gbnf.ts";
import { TEMPLATES, type TemplateName, TOOLS } from "./support.ts";

const USE: ToolUse = { tools: TOOLS, choice: "auto", allowed: undefined, parallel: true };
const CALL = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>';

function said(pieces: readonly string[], reason: "stop" | "length" = "stop", choice = 0): GenerationEvent[] {
  return [
    ...pieces.map((text): GenerationEvent => ({ type: "text", choice, text })),
    { type: "finished", choice, reason, completionTokens: 10 },
  ];
}

/** As if every character were a token. */
const countTokens = async (text: string) => text.length;

const STARTED: GenerationEvent = { type: "started", promptTokens: 5, cachedTokens: 0 };

/** Runs a request through the layer around an engine that says `events`; gives what came out, and what the engine was asked. */
async function run(template: TemplateName, overrides: Partial<GenerationRequest>, events: readonly GenerationEvent[]) {
  const asked: GenerationRequest[] = [];
  const layer = callTools({ loadTemplate: async () => TEMPLATES[template], countTokens });
  const heard = await collect(
    layer(generationRequest(overrides), async function* play(request) {
      asked.push(request);
      yield STARTED;
      yield* events;
    }),
  );
  const [request] = asked;
  if (request === undefined) throw new Error("The engine was not asked.");
  return { heard, request };
}

describe("the tools' layer", () => {
  it("passes on a request without tools unchanged", async () => {
    const layer = callTools({ loadTemplate: async () => TEMPLATES.generic, countTokens });
    const request = generationRequest();
    async function* engine() {
      yield STARTED;
    }
    await collect(layer(request, engine));
    const iterable = engine();
    expect(layer(request, (passed) => (passed === request ? iterable : engine()))).toBe(iterable);
  });

  it("gives the calls of a request with a journal the ids that the journal makes", async () => {
    let count = 0;
    const digits = (name: string) => `${name === "call" ? "c" : "0"}${count++}`.padEnd(64, "0");
    const journal = { seed: 1, begin: () => [], note: () => {}, digits };
    const { heard } = await run("hermes", { tools: USE, journal }, said([`${CALL}\n${CALL}`]));
    const ids = heard.flatMap((event) => (event.type === "toolCall" ? [event.id] : []));
    expect(ids).toEqual([`call_c0${"0".repeat(22)}`, `call_c1${"0".repeat(22)}`]);
  });

  it("makes events of calls, with ids, and ends with tool_calls", async () => {
    const { heard } = await run("hermes", { tools: USE }, said(["Well. ", CALL.slice(0, 50), CALL.slice(50)]));
    expect(heard).toEqual([
      STARTED,
      { type: "text", choice: 0, text: "Well." },
      { type: "toolCall", choice: 0, index: 0, id: expect.stringMatching(/^call_[0-9a-f]{24}$/), name: "get_weather" },
      { type: "toolArguments", choice: 0, index: 0, text: '{"' },
      { type: "toolArguments", choice: 0, index: 0, text: 'city": "Paris"}' },
      { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 10 },
    ]);
  });

  it("holds to as many tools as a grammar has room for, and takes any object for the others", async () => {
    // 200 such tools are more than the engine takes.
    const words = (tool: number) =>
      Array.from({ length: 60 }, (_, word) => `tool ${tool} has the word ${word} in its list`);
    const large = (tool: number) => ({
      name: `large_${tool}`,
      parameters: { type: "object", properties: { word: { enum: words(tool) } }, required: ["word"] },
    });
    const small = { name: "small", parameters: { type: "object", properties: { last: { const: "small one" } } } };
    const tools: ToolUse = {
      ...USE,
      choice: "required",
      tools: [...Array.from({ length: 200 }, (_, tool) => large(tool)), small],
    };
    const { request } = await run("hermes", { tools }, said(["Hi"]));
    const { gbnf = "" } = request.output?.type === "grammar" ? request.output.grammar : {};
    expect(gbnf.length).toBeLessThanOrEqual(256 * 1024);
    const { accepts } = interpret(gbnf);
    const call = (name: string, input: unknown) =>
      accepts(
        `<tool_call>\n${JSON.stringify({ name, arguments: input }).replace('","arg', '", "arg').replace(/:/g, ": ")}\n</tool_call>`,
      );
    expect(call("large_0", { word: words(0)[59] })).toBe(true);
    expect(call("large_0", { word: words(1)[59] })).toBe(false);
    expect(call("large_199", { word: words(1)[59] })).toBe(true);
    expect(call("small", { last: "small one" })).toBe(true);
    expect(call("small", { last: "another" })).toBe(false);
  });

  it("tells the calls of each choice apart", async () => {
    const events = [
      ...said([CALL], "stop", 1).slice(0, 1),
      ...said([`${CALL}${CALL}`], "stop", 0),
      ...said([], "stop", 1),
    ];
    const { heard } = await run("hermes", { tools: USE, choices: 2 }, events);
    const calls = heard.flatMap((event) => (event.type === "toolCall" ? [[event.choice, event.index]] : []));
    expect(calls).toEqual([
      [1, 0],
      [0, 0],
      [0, 1],
    ]);
    const reasons = heard.flatMap((event) => (event.type === "finished" ? [event.reason] : []));
    expect(reasons).toEqual(["tool_calls", "tool_calls"]);
  });

  it("tells nothing of a mark that was cut off after a call", async () => {
    for (const rest of ["</tool", '</tool_call>\n<tool_call>{"na']) {
      const { heard } = await run("hermes", { tools: USE }, said([CALL.replace("</tool_call>", rest)], "length"));
      expect(heard.some(({ type }) => type === "toolCall")).toBe(true);
      expect(heard.filter(({ type }) => type === "text")).toEqual([]);
    }
  });

  it("keeps `length` for a call that was cut off, and ends with `stop` where none was made", async () => {
    const cut = await run("hermes", { tools: USE }, said([CALL.slice(0, 40)], "length"));
    expect(cut.heard.at(-1)).toMatchObject({ reason: "length" });
    const none = await run("hermes", { tools: USE }, said(["Hello"]));
    expect(none.heard.at(-1)).toMatchObject({ reason: "stop" });
  });

  it("treats what only looked like a call as text when the model stopped by itself", async () => {
    for (const words of ["[TOOL_CALLS] none today", "[TOOL_CALLS]get_wea"]) {
      const { heard } = await run("oldMistral", { tools: USE }, said([words]));
      expect(heard.filter(({ type }) => type === "text")).toEqual([{ type: "text", choice: 0, text: words }]);
    }
    const open = "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis";
    const { heard } = await run("qwenXml", { tools: USE }, said([open]));
    const json = heard.flatMap((event) => (event.type === "toolArguments" ? [event.text] : [])).join("");
    expect(JSON.parse(json)).toEqual({ city: "Paris" });
  });

  it("passes on one call where more are not wanted", async () => {
    const { heard } = await run("hermes", { tools: { ...USE, parallel: false } }, said([CALL + CALL]));
    expect(heard.filter(({ type }) => type === "toolCall")).toHaveLength(1);
    expect(heard.filter(({ type }) => type === "toolArguments")).toHaveLength(1);
  });

  it("treats calls as text when no call is allowed, though the template shows the tools", async () => {
    const { heard, request } = await run("hermes", { tools: { ...USE, choice: "none" } }, said([CALL]));
    expect(heard[1]).toEqual({ type: "text", choice: 0, text: CALL });
    expect(request.tools?.choice).toBe("none");
    expect(request.output).toBeUndefined();
  });

  it("knows only the allowed functions", async () => {
    const { heard } = await run("hermes", { tools: { ...USE, allowed: ["now"] } }, said([CALL]));
    expect(heard[1]).toEqual({ type: "text", choice: 0, text: CALL });
  });

  it("separates reasoning and counts it", async () => {
    const { heard } = await run("reasoningHermes", {}, said(["<think>\nabc", "\n</think>\n\nOk"]));
    expect(heard.slice(1)).toEqual([
      { type: "reasoning", choice: 0, text: "abc" },
      { type: "text", choice: 0, text: "Ok" },
      { type: "finished", choice: 0, reason: "stop", completionTokens: 10, reasoningTokens: 3 },
    ]);
  });

  it("counts no more reasoning than there are tokens, and leaves out what can't be counted", async () => {
    const long = await run("reasoningHermes", {}, said([`<think>${"a".repeat(99)}</think>Ok`]));
    expect(long.heard.at(-1)).toMatchObject({ completionTokens: 10, reasoningTokens: 10 });

    const layer = callTools({
      loadTemplate: async () => TEMPLATES.reasoningHermes,
      countTokens: () => Promise.reject(new Error("The engine has stopped.")),
    });
    const heard = await collect(
      layer(generationRequest(), async function* play() {
        yield* said(["<think>a</think>Ok"]);
      }),
    );
    expect(heard.at(-1)).toEqual({ type: "finished", choice: 0, reason: "stop", completionTokens: 10 });
  });

  it("gives the log-probabilities of text with the text, and drops those of calls", async () => {
    const sampled = (token: number) => ({ token, bytes: [97], logprob: -1, top: [] });
    const events: GenerationEvent[] = [
      { type: "text", choice: 0, text: "Hi ", logprobs: [sampled(1)] },
      { type: "text", choice: 0, text: "<tool", logprobs: [sampled(2)] },
      { type: "text", choice: 0, text: "s>", logprobs: [sampled(3)] },
      { type: "text", choice: 0, text: CALL, logprobs: [sampled(4)] },
      ...said([]),
    ];
    const { heard } = await run("hermes", { tools: USE }, events);
    const texts = heard.filter((event) => event.type === "text");
    expect(texts.map((event) => event.text).join("")).toBe("Hi <tools>");
    expect(texts.flatMap((event) => event.logprobs ?? []).map(({ token }) => token)).toEqual([1, 2, 3]);
  });

  it("asks for control tokens in the text where the model's marks may be such", async () => {
    expect((await run("newMistral", { tools: USE }, said(["Hi"]))).request.showControlTokens).toBe(true);
    expect((await run("generic", { tools: USE }, said(["Hi"]))).request).not.toHaveProperty("showControlTokens");
  });

  it("describes the tools in words when the template can't", async () => {
    const { request } = await run("generic", { tools: USE }, said(["Hi"]));
    expect(request.tools).toBeUndefined();
    const prompt = request.prompt.type === "chat" ? request.prompt.messages : [];
    expect(prompt[0]?.content).toContain("get_weather");
  });

  it("does not wait for a model when the request was aborted", async () => {
    const layer = callTools({ loadTemplate: () => new Promise(() => {}), countTokens });
    const abort = new AbortController();
    const reason = new Error("gone");
    const events = layer(generationRequest({ signal: abort.signal }), async function* engine(request) {
      yield STARTED;
      request.signal.throwIfAborted();
    });
    const heard = collect(events);
    abort.abort(reason);
    await expect(heard).rejects.toBe(reason);
  });
});

describe("what the engine is held to", () => {
  const outputOf = async (template: TemplateName, overrides: Partial<GenerationRequest>) => {
    const { output } = (await run(template, overrides, said([]))).request;
    return output?.type === "grammar" ? output.grammar : undefined;
  };

  it("begins with the trigger where the model may choose, and with the first token where it must call", async () => {
    const auto = await outputOf("hermes", { tools: USE });
    expect(auto?.triggers).toEqual(["<tool_call>"]);
    const required = await outputOf("hermes", { tools: { ...USE, choice: "required" } });
    expect(required?.triggers).toBeUndefined();
    expect(required?.gbnf).toContain("<tool_call>");
  });

  it("knows only the allowed functions", async () => {
    const grammar = await outputOf("hermes", { tools: { ...USE, choice: "required", allowed: ["now"] } });
    expect(grammar?.gbnf).toContain("now");
    expect(grammar?.gbnf).not.toContain("get_weather");
  });

  it.each(Object.keys(TEMPLATES) as TemplateName[])("is a grammar in the form of %s", async (template) => {
    for (const choice of ["auto", "required"] as const) {
      const grammar = await outputOf(template, { tools: { ...USE, choice } });
      expect(() => checkGbnf(grammar?.gbnf ?? "", "grammar")).not.toThrow();
      expect(grammar?.gbnf).toContain("get_weather");
    }
  });

  it("lets the model call or answer in the form that was asked for", async () => {
    const schema = { type: "object", properties: { mood: { type: "string" } }, required: ["mood"] };
    const grammar = await outputOf("hermes", { tools: USE, output: { type: "schema", schema } });
    expect(grammar?.triggers).toBeUndefined();
    expect(grammar?.gbnf).toContain("mood");
    expect(grammar?.gbnf).toContain("get_weather");
  });

  it("leaves room for reasoning before a form that was asked for", async () => {
    const output = { type: "json" } as const;
    expect((await outputOf("reasoningHermes", { output }))?.gbnf).toContain("</think>");
    const prompt = { type: "chat", messages: [], templateArguments: { enable_thinking: false } } as const;
    expect((await outputOf("reasoningHermes", { output, prompt }))?.gbnf).not.toContain("</think>");
    expect((await run("generic", { output }, said([]))).request.output).toBe(output);
  });

  it("is what can be held of a schema, unless the client counts on all of it", async () => {
    const parameters = { type: "object", contains: {}, properties: { a: { type: "string" } } };
    const loose = { ...USE, choice: "required", tools: [{ name: "f", parameters }] } as const;
    expect((await outputOf("hermes", { tools: loose }))?.gbnf).toContain('\\"a\\":');
    const strict = { ...loose, tools: [{ name: "f", parameters, strict: true }] };
    await expect(outputOf("hermes", { tools: strict })).rejects.toThrow("tools[0].function.parameters");
  });

  it("is so parameter by parameter where calls are written in tags, and finds what a schema refers to", async () => {
    const parameters = {
      type: "object",
      properties: { any: { not: { format: "date" } }, place: { $ref: "#/$defs/place" } },
      $defs: { place: { type: "object", properties: { street: { type: "string" } } } },
    };
    const loose = { ...USE, choice: "required", tools: [{ name: "f", parameters }] } as const;
    const grammar = await outputOf("qwenXml", { tools: loose });
    expect(() => checkGbnf(grammar?.gbnf ?? "", "grammar")).not.toThrow();
    expect(grammar?.gbnf).toContain("street");
    const strict = { ...loose, tools: [{ name: "f", parameters, strict: true }] };
    await expect(outputOf("qwenXml", { tools: strict })).rejects.toThrow("'not' in 'f.any'");
  });
});
