import { describe, expect, it } from "vitest";
import { dialectOf } from "../../src/tools/dialect.ts";
import { TEMPLATES } from "./support.ts";

describe("a model's dialect", () => {
  it.each([
    ["hermes", "hermes"],
    ["reasoningHermes", "hermes"],
    ["qwenXml", "qwen-xml"],
    ["llama", "llama"],
    ["oldMistral", "mistral"],
    ["newMistral", "mistral"],
    ["deepseekR1", "deepseek"],
    ["deepseekV31", "deepseek"],
    ["gemma4", "gemma"],
    ["functionGemma", "gemma"],
    ["harmony", "harmony"],
    ["generic", "generic"],
  ] as const)("is told by its template: %s is %s", (template, family) => {
    expect(dialectOf(TEMPLATES[template]).family).toBe(family);
  });

  it("is generic, its tools in words, where calls have a form that nobody here reads", () => {
    for (const template of ["{{ tools }}<tool_call>f<arg_key>", "{{ tools }}<|tool_calls_section_begin|>"]) {
      expect(dialectOf(template)).toMatchObject({ family: "generic", templateHasTools: false });
    }
  });

  it("has tools in words where the template shows calls but no tools", () => {
    expect(dialectOf(TEMPLATES.deepseekV31).templateHasTools).toBe(false);
    expect(dialectOf(TEMPLATES.hermes).templateHasTools).toBe(true);
  });

  it("has what its template insists on", () => {
    expect(dialectOf(TEMPLATES.llama).oneCallAMessage).toBe(true);
    expect(dialectOf(TEMPLATES.oldMistral).idLength).toBe(9);
    expect(dialectOf("{{ raise_exception('System role not supported') }}").refusesSystem).toBe(true);
  });
});
