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
  it("is any text where it is absent, null or text", () => {
    for (const value of [undefined, null, { type: "text" }]) {
      expect(decodeResponseFormat(value, "response_format")).toBeUndefined();
    }
  });

  it("is any object for json_object, and for a schema that isn't there", () => {
    expect(decodeResponseFormat({ type: "json_object" }, "response_format")).toEqual({ type: "json" });
    expect(decodeResponseFormat(jsonSchema(undefined), "response_format")).toEqual({ type: "json" });
  });

  it("is a schema, strict or not, also in llama-server's form", () => {
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

  it("is refused by path and keyword where it is strict and an answer can't be held to it", () => {
    const schema = { type: "object", properties: { tags: { type: "array", uniqueItems: true } } };
    const error = refusal(() => decodeResponseFormat(jsonSchema(schema, { strict: true }), "response_format"));
    expect(error.param).toBe("response_format.json_schema.schema.properties.tags");
    expect(error.message).toMatch(/^Invalid schema for response_format 'person': 'uniqueItems' in /);
  });

  it("leaves out what an answer can't be held to where the client doesn't count on it", () => {
    const schema = { type: "object", properties: { tags: { type: "array", uniqueItems: true } } };
    expect(decodeResponseFormat(jsonSchema(schema), "response_format")).toEqual({ type: "schema", schema });
    expect(decodeResponseFormat(jsonSchema(schema, { strict: false }), "response_format")).toMatchObject({ schema });
  });

  it("is refused where no value satisfies it, strict or not", () => {
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
  ])("may be strict wherever a grammar can hold it, beyond OpenAI's subset: %j", (schema) => {
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
  it("take a grammar in Lark's notation, as clients of vLLM write it", () => {
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

  it("take a grammar", () => {
    expect(decodeGrammar('root ::= "a"', "grammar")).toEqual({ type: "grammar", grammar: { gbnf: 'root ::= "a"' } });
    expect(decodeGrammar(null, "grammar")).toBeUndefined();
    expect(refusal(() => decodeGrammar("root ::= x", "grammar"))).toMatchObject({
      param: "grammar",
      code: "invalid_grammar",
    });
  });

  it("take a regular expression", () => {
    expect(decodeRegex("a|b", "regex")).toEqual({ type: "regex", pattern: "a|b" });
    expect(refusal(() => decodeRegex("(a)\\1", "regex"))).toMatchObject({ param: "regex", code: "invalid_regex" });
    expect(refusal(() => decodeRegex("(a", "regex")).message).toMatch(
      /^Invalid 'regex': it is not a regular expression/,
    );
    expect(refusal(() => decodeRegex(7, "regex"))).toMatchObject({ param: "regex", code: "invalid_type" });
  });

  it("may be said twice, as guidance does for older and newer servers", () => {
    const grammar = { type: "grammar", grammar: { gbnf: 'root ::= "a"' } } as const;
    expect(pickFormat({ guided_grammar: grammar, structured_outputs: structuredClone(grammar) })).toEqual(grammar);
  });

  it("are refused beside another format", () => {
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
