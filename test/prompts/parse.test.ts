import { describe, expect, it } from "vitest";
import { parsePreset } from "../../src/prompts/parse.ts";
import { PresetError } from "../../src/prompts/preset.ts";
import { preset } from "./support.ts";

function problemsOf(yaml: string): readonly string[] {
  try {
    preset(yaml);
  } catch (error) {
    if (error instanceof PresetError) return error.problems;
    throw error;
  }
  throw new Error("it was taken");
}

describe("a preset's file", () => {
  it("needs only an id, a version and a description", () => {
    expect(preset("")).toMatchObject({ id: "p", version: "1", models: [], examples: [], tools: [], warm: [] });
  });

  it("accepts as many stop strings as a request", () => {
    const stops = (count: number) =>
      `sampling: { stop: [${Array.from({ length: count }, (_, index) => `"s${index}"`).join()}] }`;
    expect(preset(stops(64)).sampling?.stop).toHaveLength(64);
    expect(problemsOf(stops(65))).toHaveLength(1);
  });

  it("can set everything that a request can", () => {
    const whole = preset(`
model: [big, small]
system: Speak {{language}}.
template: "Text: {{input}}"
variables:
  language: { type: enum, values: [French, German], default: German }
examples:
  - { user: Hi, assistant: Salut, variables: { language: French } }
sampling: { temperature: 0, top_k: 5, stop: ["\\n"] }
maxTokens: 20
responseSchema: { type: object, properties: { a: { type: string } }, required: [a] }
tools: [{ name: look_up, description: Looks., parameters: { type: object, properties: {} } }]
cache: { public: true, answers: always, ttlSeconds: 60 }
warm: [{ input: Hello }, { input: Bye, variables: { language: French } }]
`);
    expect(whole).toMatchObject({
      models: ["big", "small"],
      examples: [{ user: "Text: Hi", assistant: "Salut" }],
      sampling: { temperature: 0, top_k: 5, stop: ["\n"] },
      maxTokens: 20,
      tools: [{ name: "look_up" }],
      cache: { public: true, answers: "always", ttlSeconds: 60 },
      warm: [{ input: "Hello" }, { input: "Bye", variables: { language: "French" } }],
    });
  });

  it.each([
    ["sampling:\n  temperature: 9", "prompts/p.yaml:5:3: sampling.temperature: Too big: expected number to be <=2"],
    ["sytem: x", "prompts/p.yaml:4:1: sytem: unknown field. Did you mean system?"],
    ["examples:\n  - user: x", "prompts/p.yaml:5:5: examples[0].assistant: is missing"],
    ["system: [", "prompts/p.yaml:4:10: not valid YAML:"],
    [
      "system: Speak {{langage}}.",
      "prompts/p.yaml:4:1: system: {{langage}} is not a variable of this preset. It has no variables.",
    ],
    ["system: You heard {{input}}.", "prompts/p.yaml:4:1: system: {{input}} is not a variable"],
    ["variables:\n  input: { type: string }", "prompts/p.yaml:4:1: variables: input is the user's message"],
    [
      "variables:\n  n:\n    type: integer\n    maximum: 3\n    default: 9",
      "prompts/p.yaml:8:5: variables.n.default: The variable 'n' must be a whole number, at most 3.",
    ],
    ["warm:\n  - { variables: { tone: dry } }", "prompts/p.yaml:5:7: warm[0].variables: Unknown variables: 'tone'."],
    ["responseSchema: { type: string, not: {} }", "prompts/p.yaml:4:1: responseSchema: "],
    ["tools: [{ name: a }, { name: a }]", "prompts/p.yaml:4:1: tools: Two tools have the name 'a'"],
    ["tools: [{ name: 'a b' }]", "prompts/p.yaml:4:11: tools[0].name: must be letters, digits and any of _ . : / @ -"],
  ])("%j is refused with its position and its field", (yaml, problem) => {
    const problems = problemsOf(yaml);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it("is refused with the types that a field may have", () => {
    const source = { path: "prompts/p.yaml", name: "p", modifiedUnixSeconds: 0 };
    const parse = (version: string) => () => parsePreset(`id: p\n${version}description: A test.`, source);
    expect(parse("version: [1]\n")).toThrow("prompts/p.yaml:2:1: version: must be text or a number");
    expect(parse("")).toThrow("version: is missing");
    expect(problemsOf("model: 7")[0]).toContain("model: must be text or a list");
  });

  it("is refused with all problems at once", () => {
    expect(problemsOf("maxTokens: 0\nmodel: []\nfoo: 1")).toHaveLength(3);
  });

  it("must have its file name as id", () => {
    const source = { path: "prompts/q.yaml", name: "q", modifiedUnixSeconds: 0 };
    expect(() => parsePreset("id: p\nversion: 1\ndescription: A test.", source)).toThrow(
      'prompts/q.yaml:1:1: id: must be "q", like the file name, not "p"',
    );
  });
});
