import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { settleThrough } from "../../src/generation/layer.ts";
import type { ToolUse } from "../../src/generation/request.ts";
import { callTools } from "../../src/tools/layer.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { interpret } from "../grammar/gbnf.ts";
import { TEMPLATES, type TemplateName, TOOLS } from "./support.ts";

const NAMES = Object.keys(TEMPLATES) as TemplateName[];
const countTokens = async () => 0;

function layerOf(template: TemplateName) {
  return callTools({ loadTemplate: async () => TEMPLATES[template], countTokens });
}

/** Writes what a model may say that is held to calls: in the midst of a text from a trigger on, or from its first token. */
async function speaker(template: TemplateName, tools: ToolUse): Promise<(seed: number) => string> {
  const { output } = await settleThrough([layerOf(template)])(generationRequest({ tools }));
  if (output?.type !== "grammar") throw new Error("Nothing holds the model to calls.");
  const { write } = interpret(output.grammar.gbnf);
  const [trigger = ""] = output.grammar.triggers ?? [];
  // Harmony's header begins before what shows that it is a call's.
  const lead = trigger === " to=functions." ? "<|channel|>commentary" : "";
  return (seed) => lead + trigger + write(seed);
}

/** What becomes of `said` when the bound on tokens ends it there. */
async function readCut(template: TemplateName, tools: ToolUse, said: string) {
  const events = await collect(
    layerOf(template)(generationRequest({ tools }), async function* play(): AsyncGenerator<GenerationEvent> {
      yield { type: "text", choice: 0, text: said };
      yield { type: "finished", choice: 0, reason: "length", completionTokens: 5 };
    }),
  );
  const ofCall = (index: number) =>
    events.flatMap((event) => (event.type === "toolArguments" && event.index === index ? [event.text] : [])).join("");
  const names = events.flatMap((event) => (event.type === "toolCall" ? [event.name] : []));
  const last = events.at(-1);
  return {
    text: events.flatMap((event) => (event.type === "text" ? [event.text] : [])).join(""),
    names,
    arguments: names.map((_, index) => ofCall(index)),
    reason: last?.type === "finished" ? last.reason : undefined,
  };
}

/** A call of one function that must be made, one of several that must be, and several that may be. */
const USES: readonly ToolUse[] = [
  { tools: TOOLS, choice: "required", allowed: ["get_weather"], parallel: false },
  { tools: TOOLS, choice: "required", allowed: undefined, parallel: true },
  { tools: TOOLS, choice: "auto", allowed: undefined, parallel: true },
];

describe.each(NAMES)("a call that is cut off by the bound on tokens, of %s", (template) => {
  it.each(USES)("is a call as far as it came, and none of it is text: $choice $allowed", async (tools) => {
    const speak = await speaker(template, tools);
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), async (seed, share) => {
        const said = speak(seed);
        const whole = await readCut(template, tools, said);
        // Before its trigger is whole, nothing shows that it is one.
        const least = tools.choice === "auto" ? said.length - speak(seed).length + 40 : 0;
        const at = Math.min(said.length, Math.round(least + share * (said.length - least)));
        const part = await readCut(template, tools, said.slice(0, at));
        expect(part.text).toBe("");
        expect(whole.reason).toBe("tool_calls");
        expect(whole.names.slice(0, part.names.length)).toEqual(part.names);
        for (const [index, json] of part.arguments.entries()) {
          const isLast = index === part.arguments.length - 1;
          if (!isLast || part.reason === "tool_calls") expect(json).toBe(whole.arguments[index]);
          else expect(whole.arguments[index]?.startsWith(json.replace(/["}\]]*$/, ""))).toBe(true);
        }
        if (tools.allowed?.length === 1) expect(part.names).toEqual(["get_weather"]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a call that is cut off", () => {
  const [named, , free] = USES;
  const CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';

  it("is whole where only its closing mark is missing, and more to come where another was begun", async () => {
    for (const rest of ["", "\n", "\n</tool", "\n</tool_call>", "\n</tool_call>\n"]) {
      const read = await readCut("hermes", free as ToolUse, CALL.replace("\n</tool_call>", rest));
      expect(read).toMatchObject({ reason: "tool_calls", arguments: ['{"city": "Paris"}'], text: "" });
    }
    for (const rest of ["\n<tool_c", '\n<tool_call>{"na', '<tool_call>{"name": "now", "arguments": {']) {
      expect((await readCut("hermes", free as ToolUse, CALL + rest)).reason).toBe("length");
    }
  });

  it("tells nothing of a value whose first characters say too little of it", async () => {
    for (const mark of ["<", "<|", '<|"', '<|"|', '<|"|>', "-", "1e", "2.", "tru", "nul"]) {
      const read = await readCut("gemma4", named as ToolUse, `<|tool_call>call:get_weather{city:${mark}`);
      expect(read).toMatchObject({ reason: "length", text: "" });
      expect(read.arguments).toEqual(['{"city":"']);
    }
  });

  it("has no arguments yet where it is cut within the mark before them", async () => {
    const mark = "```json\n";
    for (let length = 0; length <= mark.length; length++) {
      const said = `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n${mark.slice(0, length)}`;
      const read = await readCut("deepseekR1", free as ToolUse, said);
      expect(read).toEqual({ reason: "length", names: ["get_weather"], arguments: [""], text: "" });
    }
  });

  it("has its name where it can be of one function only", async () => {
    for (const said of ["", "<tool", '<tool_call>\n{"name": "get_wea']) {
      const read = await readCut("hermes", named as ToolUse, said);
      expect(read).toEqual({ reason: "length", names: ["get_weather"], arguments: [""], text: "" });
    }
  });

  it("is text where nothing shows that it is a call", async () => {
    for (const said of ["a < b and <tool_c", "I say <think"]) {
      expect((await readCut("hermes", free as ToolUse, said)).text).toBe(said);
    }
    expect((await readCut("llama", free as ToolUse, 'As JSON: {"na')).text).toBe('As JSON: {"na');
    expect((await readCut("generic", free as ToolUse, '```json\n{"name"')).text).toBe('```json\n{"name"');
  });
});
