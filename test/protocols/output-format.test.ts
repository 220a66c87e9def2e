import { describe, expect, it } from "vitest";
import type { OutputFormat } from "../../src/generation/request.ts";
import { InvalidRequestError } from "../../src/protocols/errors.ts";
import {
  decodeGrammar,
  decodeRegex,
  decodeResponseFormat,
  decodeTextFormat,
  pickFormat,
} from "../../src/protocols/output-format.ts";
import { interpret } from "../grammar/gbnf.ts";

function refusal(decode: () => unknown): InvalidRequestError {
  try {
    decode();
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      return error;
    }
    throw error;
  }
  throw new Error("It was not refused.");
}

function heldTo(output: OutputFormat | undefined) {
  const gbnf = output?.type === "grammar" ? output.grammar.gbnf : "";
  return { output, accepts: interpret(gbnf).accepts };
}

const PERSON = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: ["integer", "null"] } },
  required: ["name", "age"],
  additionalProperties: false,
};

function jsonSchema(schema: unknown, more: Readonly<Record<string, unknown>> = {}) {
  return { type: "json_schema", json_schema: { name: "person", schema, ...more } };
}

describe("response_format", () => {
  it("allows any text if it is absent, null or text", () => {
    for (const value of [undefined, null, { type: "text" }]) {
      expect(decodeResponseFormat(value, "response_format")).toBeUndefined();
    }
  });

  it("allows any object for json_object and for an absent schema", () => {
    expect(decodeResponseFormat({ type: "json_object" }, "response_format")).toEqual({ type: "json" });
    expect(decodeResponseFormat(jsonSchema(undefined), "response_format")).toEqual({ type: "json" });
  });

  it("accepts a schema, strict or not, also in llama-server's form", () => {
    const expected = { type: "schema", schema: PERSON };
    expect(decodeResponseFormat(jsonSchema(PERSON), "response_format")).toEqual(expected);
    expect(decodeResponseFormat(jsonSchema(PERSON, { strict: true, description: "d" }), "response_format")).toEqual({
      ...expected,
      strict: true,
    });
    expect(decodeResponseFormat({ type: "json_object", schema: PERSON }, "response_format")).toEqual(expected);
  });

  it.each([
    ["text", "response_format", "invalid_type"],
    [{ type: "xml" }, "response_format.type", "invalid_value"],
    [{ type: "json_schema" }, "response_format.json_schema", "missing_required_parameter"],
    [{ type: "json_schema", json_schema: { name: "a b" } }, "response_format.json_schema.name", "invalid_value"],
    [jsonSchema(7), "response_format.json_schema.schema", "invalid_type"],
    [jsonSchema(PERSON, { strict: "yes" }), "response_format.json_schema.strict", "invalid_type"],
  ])("is refused by field: %j", (value, param, code) => {
    expect(refusal(() => decodeResponseFormat(value, "response_format"))).toMatchObject({ param, code });
  });

  it("is refused by path and keyword if it is strict and can't be enforced", () => {
    const schema = { type: "object", properties: { tags: { type: "array", uniqueItems: true } } };
    const error = refusal(() => decodeResponseFormat(jsonSchema(schema, { strict: true }), "response_format"));
    expect(error.param).toBe("response_format.json_schema.schema.properties.tags");
    expect(error.message).toMatch(/^Invalid schema for response_format 'person': 'uniqueItems' in /);
  });

  it("drops keywords that can't be enforced if it is not strict", () => {
    const schema = { type: "object", properties: { tags: { type: "array", uniqueItems: true } } };
    expect(decodeResponseFormat(jsonSchema(schema), "response_format")).toEqual({ type: "schema", schema });
    expect(decodeResponseFormat(jsonSchema(schema, { strict: false }), "response_format")).toMatchObject({ schema });
  });

  it("is refused if no value satisfies it, strict or not", () => {
    for (const strict of [true, false]) {
      const schema = { type: "integer", minimum: 2, maximum: 1 };
      const error = refusal(() => decodeResponseFormat(jsonSchema(schema, { strict }), "response_format"));
      expect(error).toMatchObject({ param: "response_format.json_schema.schema" });
      expect(error.message).toContain("no value can be finished");
    }
  });

  it.each([
    [{ ...PERSON, additionalProperties: undefined }],
    [{ ...PERSON, required: ["name"] }],
    [{ ...PERSON, additionalProperties: { type: "string" } }],
    [{ ...PERSON, properties: { ...PERSON.properties, age: { type: "object", properties: {} } } }],
    [{ type: "array", items: {} }],
    [{ anyOf: [{ type: "string" }, { type: "null" }] }],
  ])("may be strict if a grammar can enforce it, beyond OpenAI's subset: %j", (schema) => {
    const format = jsonSchema(schema, { strict: true });
    expect(decodeResponseFormat(format, "response_format")).toEqual({ type: "schema", schema, strict: true });
  });
});

describe("text.format", () => {
  it("has the schema one level higher", () => {
    const value = { type: "json_schema", name: "person", schema: PERSON, strict: true };
    expect(decodeTextFormat(value, "text.format")).toEqual({ type: "schema", schema: PERSON, strict: true });
    expect(refusal(() => decodeTextFormat({ ...value, schema: { type: "text" } }, "text.format"))).toMatchObject({
      param: "text.format.schema",
      code: "invalid_json_schema",
    });
  });
});

describe("the extensions", () => {
  it("accept a grammar in Lark syntax, which vLLM's clients send", () => {
    for (const source of [
      'start: "red" | "green"',
      '%llguidance {}\n\nstart: answer\nanswer[capture]: "red" | "green"',
    ]) {
      const { output, accepts } = heldTo(decodeGrammar(source, "guided_grammar"));
      expect(output).toMatchObject({ type: "grammar" });
      expect(["red", "green", "blue"].map(accepts)).toEqual([true, true, false]);
    }
    expect(refusal(() => decodeGrammar("start: missing", "guided_grammar"))).toMatchObject({
      param: "guided_grammar",
      code: "invalid_grammar",
      message: expect.stringContaining("missing"),
    });
    expect(decodeGrammar('root ::= start\nstart ::= "a: start :"', "grammar")).toMatchObject({ type: "grammar" });
  });

  it("accept a grammar", () => {
    expect(decodeGrammar('root ::= "a"', "grammar")).toEqual({ type: "grammar", grammar: { gbnf: 'root ::= "a"' } });
    expect(decodeGrammar(null, "grammar")).toBeUndefined();
    expect(refusal(() => decodeGrammar("root ::= x", "grammar"))).toMatchObject({
      param: "grammar",
      code: "invalid_grammar",
    });
  });

  it("accept a regular expression", () => {
    expect(decodeRegex("a|b", "regex")).toEqual({ type: "regex", pattern: "a|b" });
    expect(refusal(() => decodeRegex("(a)\\1", "regex"))).toMatchObject({ param: "regex", code: "invalid_regex" });
    expect(refusal(() => decodeRegex("(a", "regex")).message).toMatch(
      /^Invalid 'regex': it is not a regular expression/,
    );
    expect(refusal(() => decodeRegex(7, "regex"))).toMatchObject({ param: "regex", code: "invalid_type" });
  });

  it("may be sent in two fields with the same value, as guidance does", () => {
    const grammar = { type: "grammar", grammar: { gbnf: 'root ::= "a"' } } as const;
    expect(pickFormat({ guided_grammar: grammar, structured_outputs: structuredClone(grammar) })).toEqual(grammar);
  });

  it("are refused with another format", () => {
    expect(pickFormat({ response_format: undefined, grammar: undefined })).toBeUndefined();
    expect(pickFormat({ response_format: { type: "json" }, grammar: undefined })).toEqual({ type: "json" });
    expect(
      refusal(() => pickFormat({ response_format: { type: "json" }, regex: { type: "regex", pattern: "a" } })),
    ).toMatchObject({
      param: "regex",
      code: "invalid_parameter_combination",
    });
  });
});
