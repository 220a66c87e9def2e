import { describe, expect, it } from "vitest";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { interpret } from "./gbnf.ts";

describe("a grammar builder", () => {
  it("builds a grammar from schemas, expressions and custom rules", () => {
    const builder = createGrammarBuilder();
    const call = builder.schema(
      { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
      "tools[0]",
    );
    const other = builder.schema(
      { type: "array", items: { $ref: "#/$defs/x" }, $defs: { x: { type: "null" } } },
      "tools[1]",
    );
    const id = builder.regex("[a-z]{3}", "id");
    const root = builder.rule(
      "call",
      `${builder.literal('<tool "x">')} (${call} | ${other} | ${builder.json()}) ${id}`,
    );
    const { accepts } = interpret(builder.toGbnf(root));
    expect(accepts('<tool "x">{"city":"Ulm"}abc')).toBe(true);
    expect(accepts('<tool "x">[null]abc')).toBe(true);
    expect(accepts('<tool "x">{"a":{"b":[1]}}abc')).toBe(true);
    expect(accepts('<tool "x">7abc')).toBe(false);
  });

  it("gives every rule a unique name that is valid in GBNF", () => {
    const builder = createGrammarBuilder();
    const names = ["root", "a b_c", "a b_c", "ü", "", "x".repeat(500)].map((hint) => builder.rule(hint, '"x"'));
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[A-Za-z0-9-]{1,60}$/.test(name) || name === "root")).toEqual([]);
  });

  it("quotes any text", () => {
    const builder = createGrammarBuilder();
    const text = 'a"b\\c\n\t\u0001é🙂]-[';
    expect(interpret(builder.toGbnf(builder.rule("x", builder.literal(text)))).accepts(text)).toBe(true);
  });
});
