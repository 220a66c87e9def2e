import { describe, expect, it } from "vitest";
import { type Expectation, findUnmet, parseEvaluation } from "../../src/prompts/evaluation.ts";

describe("the conditions on an answer", () => {
  it.each<[Expectation, string, readonly string[]]>([
    [{ equals: "High" }, " High\n", []],
    [{ equals: "High" }, "high", ['equals "High"']],
    [{ oneOf: ["a", "b"] }, "b", []],
    [{ oneOf: ["a", "b"] }, "c", ['is one of ["a","b"]']],
    [{ contains: "PORT" }, "the port", []],
    [{ contains: ["a", "x"] }, "abc", ['contains "x"']],
    [{ matches: "^\\p{Lu}" }, "Über", []],
    [{ matches: "^a$" }, "b", ["matches ^a$"]],
    [{ validJson: true }, '{"a":1}', []],
    [{ validJson: true }, "null", []],
    [{ validJson: true }, "{", ["is valid JSON"]],
    [{ json: { "a.b.1": 2, c: null } }, '{"a":{"b":[1,2]},"c":null}', []],
    [{ json: { "a.length": 1 } }, '{"a":"x"}', ["has 1 at a.length"]],
    [{ json: { a: { b: 1 } } }, "not JSON", ['has {"b":1} at a']],
    [{ maxLength: 2 }, "abc", ["has at most 2 characters"]],
    [{ contains: "x", maxLength: 2 }, "abc", ['contains "x"', "has at most 2 characters"]],
  ])("%j of %j", (expectation, answer, unmet) => {
    expect(findUnmet(expectation, answer)).toEqual(unmet);
  });
});

describe("a file of cases", () => {
  it.each([
    ["cases: []", "p.eval.yaml:1:1: cases: Too small"],
    ["cases:\n  - expect: {}", "p.eval.yaml:2:5: cases[0].expect: must have at least one condition"],
    ["cases:\n  - expect:\n      matches: '('", "p.eval.yaml:3:7: cases[0].expect.matches: Invalid regular expression"],
    ["cases:\n  - expect: { contain: x }", "p.eval.yaml:2:15: cases[0].expect.contain: unknown field."],
  ])("%j is refused with its position", (text, problem) => {
    expect(() => parseEvaluation(text, "p.eval.yaml")).toThrow(problem);
  });
});
