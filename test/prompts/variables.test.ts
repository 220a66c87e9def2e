import { describe, expect, it } from "vitest";
import { resolveVariables, type Variables } from "../../src/prompts/variables.ts";

const variables: Variables = {
  text: { type: "string", default: "a" },
  tone: { type: "enum", values: ["dry", "warm"] },
  count: { type: "integer", minimum: 1, maximum: 9, default: 3 },
  share: { type: "number", default: 0.5 },
  loud: { type: "boolean", default: false },
};

function valuesOf(given: Record<string, unknown>): Record<string, string> {
  const resolved = resolveVariables(variables, given);
  if ("fault" in resolved) throw new Error(resolved.fault.message);
  return Object.fromEntries(resolved.values);
}

function faultOf(given: Record<string, unknown>) {
  const resolved = resolveVariables(variables, given);
  return "fault" in resolved ? resolved.fault : undefined;
}

describe("variables", () => {
  it("have their defaults if no value is given", () => {
    expect(valuesOf({ tone: "dry" })).toEqual({ text: "a", tone: "dry", count: "3", share: "0.5", loud: "false" });
  });

  it("may be given as text, as on a command line", () => {
    const given = { tone: "warm", count: "7", share: "-1.5e2", loud: "true" };
    expect(valuesOf(given)).toMatchObject({ count: "7", share: "-150", loud: "true" });
  });

  it.each<[string, unknown]>([
    ["text", 3],
    ["tone", "loud"],
    ["count", 10],
    ["count", 2.5],
    ["count", "2.5"],
    ["count", ""],
    ["share", "much"],
    ["share", Number.NaN],
    ["loud", "yes"],
    ["loud", 1],
  ])("%s can't be %j", (name, value) => {
    expect(faultOf({ tone: "dry", [name]: value })).toMatchObject({ name, code: "invalid_variable" });
  });

  it("reports unknown and missing variables, and lists all", () => {
    expect(faultOf({ tune: "dry" })).toEqual({
      name: "tune",
      code: "unknown_variable",
      message:
        "Unknown variables: 'tune'. Missing variables: 'tone'. The preset's variables: text (text, default \"a\"), " +
        'tone (one of "dry", "warm"), count (a whole number, at least 1, at most 9, default 3), share (a number, default 0.5), ' +
        "loud (true or false, default false).",
    });
    expect(faultOf({})).toMatchObject({ name: "tone", code: "missing_variable" });
  });

  it("don't include built-in object properties by accident", () => {
    expect(faultOf({ tone: "dry", toString: "x" })).toMatchObject({ name: "toString", code: "unknown_variable" });
  });
});
