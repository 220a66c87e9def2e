import { describe, expect, it } from "vitest";
import type { ParsedEvent } from "../../src/tools/parsing.ts";
import { call, cut, read, reasoning, type TemplateName, text } from "./support.ts";

const PARIS = '{"city": "Paris", "days": 2}';
const DEEP = "<｜tool▁calls▁begin｜>";
const R1_CALL = `<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n\`\`\`json\n${PARIS}\n\`\`\`<｜tool▁call▁end｜>`;
const V31_CALL = `<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>${PARIS}<｜tool▁call▁end｜>`;

/** What a model of each family may write, and what is to be understood. */
const SAID: readonly [TemplateName, string, readonly ParsedEvent[]][] = [
  ["hermes", "Just words.\n", [text("Just words.\n")]],
  ["hermes", `<tool_call>\n{"name": "get_weather", "arguments": ${PARIS}}\n</tool_call>`, call("get_weather", PARIS)],
  [
    "hermes",
    `I look.\n\n<tool_call>\n{"name": "get_weather", "arguments": ${PARIS}}\n</tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>\n`,
    [text("I look."), ...call("get_weather", PARIS), ...call("now", "{}"), text("\n")],
  ],
  ["hermes", `<tool_call>{"arguments": ${PARIS}, "name": "get_weather"}</tool_call>`, call("get_weather", PARIS)],
  ["hermes", `<tool_call>{"name": "now"}</tool_call>`, call("now", "{}")],
  ["hermes", `<tool_call>{"name": "now", "arguments": null}</tool_call>`, call("now", "{}")],
  [
    "hermes",
    `<tool_call>{"name": "now", "arguments": ${JSON.stringify('{"a": "\\n"}')}}</tool_call>`,
    call("now", '{"a": "\\n"}'),
  ],
  [
    "hermes",
    '<tool_call>{"name": "now", "arguments": {"a": "}</tool_call>"}}</tool_call>',
    call("now", '{"a": "}</tool_call>"}'),
  ],
  ["hermes", '<tool_call>{"name": "now", "arguments": {"a": [1, "x', call("now", '{"a": [1, "x')],
  ["hermes", "a < b and <tool_c", [text("a < b and <tool_c")]],
  ["hermes", "So: <tool_call> is how it begins.", [text("So: <tool_call> is how it begins.")]],
  [
    "hermes",
    '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
    [text('<tool_call>{"name": "unknown", "arguments": {}}</tool_call>')],
  ],
  ["hermes", "<tool_call>{name: now}</tool_call>", [text("<tool_call>{name: now}</tool_call>")]],
  ["reasoningHermes", "<think>\nHm, so.\n</think>\n\nHello", [reasoning("Hm, so."), text("Hello")]],
  ["reasoningHermes", "\n<think>\n\n</think>\n\nHello", [text("Hello")]],
  ["reasoningHermes", "<think>\nStill", [reasoning("Still")]],
  ["reasoningHermes", "The tag <think> is text here.</think>", [text("The tag <think> is text here.</think>")]],
  [
    "reasoningHermes",
    `<think>I call.<tool_call>{"name": "now", "arguments": {}}</tool_call>`,
    [reasoning("I call."), ...call("now", "{}")],
  ],
  [
    "qwenXml",
    "<tool_call>\n<function=get_weather>\n<parameter=city>\n42\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
    call("get_weather", '{"city":"42","days":2}'),
  ],
  [
    "qwenXml",
    '<tool_call>\n<function=get_weather>\n<parameter=city>\nA "B"\nC\n</parameter>\n</function>\n</tool_call>',
    call("get_weather", '{"city":"A \\"B\\"\\nC"}'),
  ],
  ["qwenXml", "<tool_call>\n<function=now>\n</function>\n</tool_call>", call("now", "{}")],
  ["qwenXml", "<tool_call>\n<function=what>", [text("<tool_call>\n<function=what>")]],
  ["llama", `{"name": "get_weather", "parameters": ${PARIS}}`, call("get_weather", PARIS)],
  ["llama", `<|python_tag|>{"name": "get_weather", "parameters": ${PARIS}}`, call("get_weather", PARIS)],
  [
    "llama",
    `{"type": "function", "function": "get_weather", "parameters": ${PARIS}}; {"name": "now", "parameters": {}}`,
    [...call("get_weather", PARIS), ...call("now", "{}")],
  ],
  ["llama", 'As JSON: {"name": "Ann", "age": 3}', [text('As JSON: {"name": "Ann", "age": 3}')]],
  ["llama", "if (a) { return {}; }", [text("if (a) { return {}; }")]],
  [
    "oldMistral",
    `[TOOL_CALLS][{"name": "get_weather", "arguments": ${PARIS}, "id": "a1b2c3d4e"}, {"name": "now", "arguments": {}}]`,
    [...call("get_weather", PARIS), ...call("now", "{}")],
  ],
  ["oldMistral", "[TOOL_CALLS] none today", [cut("[TOOL_CALLS] none today")]],
  ["oldMistral", '[TOOL_CALLS][{"name": "x"}]', [text('[TOOL_CALLS][{"name": "x"}]')]],
  [
    "newMistral",
    `[TOOL_CALLS]get_weather[ARGS]${PARIS}[TOOL_CALLS]now[ARGS]{}`,
    [...call("get_weather", PARIS), ...call("now", "{}")],
  ],
  ["newMistral", "[THINK]Hm.[/THINK]Yes", [reasoning("Hm."), text("Yes")]],
  ["idMistral", `[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]${PARIS}`, call("get_weather", PARIS)],
  ["newMistral", "[TOOL_CALLS]what[ARGS]{}", [text("[TOOL_CALLS]what[ARGS]{}")]],
  [
    "deepseekR1",
    `${DEEP}${R1_CALL}\n${R1_CALL}<｜tool▁calls▁end｜>`,
    [...call("get_weather", PARIS), ...call("get_weather", PARIS)],
  ],
  ["deepseekV31", `Sure.${DEEP}${V31_CALL}<｜tool▁calls▁end｜>`, [text("Sure."), ...call("get_weather", PARIS)]],
  ["deepseekV31", V31_CALL, call("get_weather", PARIS)],
  ["deepseekV31", `${DEEP} and so on`, [text(`${DEEP} and so on`)]],
  [
    "gemma4",
    '<|tool_call>call:get_weather{city:<|"|>Pa "ris" }<|"|>,days:2}<tool_call|>',
    call("get_weather", '{"city":"Pa \\"ris\\" }","days":2}'),
  ],
  [
    "gemma4",
    '<|tool_call>call:now{a:[1,<|"|>x<|"|>,{b:true,<|"|>c d<|"|>:null}],e:[],f:{},g:soon}<tool_call|>',
    call("now", '{"a":[1,"x",{"b":true,"c d":null}],"e":[],"f":{},"g":"soon"}'),
  ],
  ["gemma4", "<|tool_call>call:now{}<tool_call|>", call("now", "{}")],
  ["gemma4", "<|channel>thought\nHm.\n<channel|>Yes", [reasoning("Hm."), text("Yes")]],
  ["gemma4", "<|tool_call>what", [text("<|tool_call>what")]],
  [
    "functionGemma",
    "<start_function_call>call:get_weather{city:<escape>Rome<escape>}<end_function_call>",
    call("get_weather", '{"city":"Rome"}'),
  ],
  ["harmony", "<|channel|>final<|message|>Hello", [text("Hello")]],
  [
    "harmony",
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello\n",
    [reasoning("Hm."), text("Hello\n")],
  ],
  [
    "harmony",
    `<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>${PARIS}<|call|>`,
    [reasoning("Hm."), ...call("get_weather", PARIS)],
  ],
  [
    "harmony",
    `<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>${PARIS}`,
    [text("I look."), ...call("get_weather", PARIS)],
  ],
  ["harmony", ` to=functions.now<|channel|>commentary json<|message|>{}`, call("now", "{}")],
  ["harmony", "Plain words, as after a prefill.", [text("Plain words, as after a prefill.")]],
  ["generic", `<tool_call>{"name": "get_weather", "arguments": ${PARIS}}</tool_call>`, call("get_weather", PARIS)],
  ["generic", `So:\n\`\`\`tool_code\n{"name": "now", "args": {}}\n\`\`\``, [text("So:"), ...call("now", "{}")]],
  ["generic", '```json\n{"name": "Ann"}\n```', [text('```json\n{"name": "Ann"}\n```')]],
];

describe("what a model says in its family's form", () => {
  it.each(SAID.map(([template, said, events]) => ({ template, said, events })))(
    "is understood: $template $said",
    ({ template, said, events }) => {
      expect(read(template, [said])).toEqual(events);
      expect(read(template, Array.from(said))).toEqual(events);
    },
  );

  it("is reasoning from the start where the template opens it", () => {
    const options = { reasoning: true };
    expect(read("deepseekR1", ["\nHm.\n</think>\n\nYes"], options)).toEqual([reasoning("Hm."), text("Yes")]);
    expect(read("deepseekR1", ["Hm. And"], options)).toEqual([reasoning("Hm. And")]);
  });

  it("has no calls where nothing may be called", () => {
    const said = '<tool_call>{"name": "now", "arguments": {}}</tool_call>';
    expect(read("hermes", [said], { tools: [] })).toEqual([text(said)]);
  });
});
