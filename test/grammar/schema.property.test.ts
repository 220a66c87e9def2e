import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonSchema } from "../../src/generation/request.ts";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { anyCase } from "./cases.ts";
import { interpret } from "./gbnf.ts";

/** For a machine that is busy with other things. */
const TIMEOUT_MS = 60_000;

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

function grammarOf(schema: JsonSchema) {
  const builder = createGrammarBuilder();
  return interpret(builder.toGbnf(builder.schema(schema, "schema")));
}

const TREE = {
  $ref: "#/$defs/node",
  $defs: {
    node: {
      type: "object",
      properties: {
        value: { type: "integer" },
        left: { $ref: "#/$defs/node" },
        right: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
      },
      required: ["value", "right"],
      additionalProperties: false,
    },
  },
};

describe("the grammar of a schema", () => {
  it(
    "writes only what parses and validates",
    () => {
      fc.assert(
        fc.property(anyCase, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), ({ schema }, seeds) => {
          const validate = ajv.compile(schema);
          const grammar = grammarOf(schema);
          for (const seed of seeds) {
            const text = grammar.write(seed);
            expect(validate(JSON.parse(text)), `${text}\n${JSON.stringify(validate.errors)}`).toBe(true);
          }
        }),
        { numRuns: 60 },
      );
    },
    TIMEOUT_MS,
  );

  it(
    "allows every value that the schema admits, spelled as JSON.stringify does",
    () => {
      fc.assert(
        fc.property(
          anyCase.chain(({ schema, values }) => fc.tuple(fc.constant(schema), values)),
          ([schema, value]) => {
            expect(grammarOf(schema).accepts(JSON.stringify(value)), JSON.stringify(value)).toBe(true);
          },
        ),
        { numRuns: 60 },
      );
    },
    TIMEOUT_MS,
  );

  it("writes finite trees of a schema that refers to itself", () => {
    const validate = ajv.compile(TREE);
    const grammar = grammarOf(TREE);
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(validate(JSON.parse(grammar.write(seed)))).toBe(true);
      }),
    );
  });

  it("is made or refused by name, for any schema", () => {
    const keywords = fc.constantFrom(
      ..."type enum const $ref allOf anyOf oneOf not properties required items minItems maxLength pattern minimum format".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(fc.dictionary(keywords, fc.jsonValue()), (schema) => {
        try {
          grammarOf(schema).write(1);
        } catch (error) {
          expect(error).toBeInstanceOf(UnsupportedSchemaError);
        }
      }),
    );
  });
});
