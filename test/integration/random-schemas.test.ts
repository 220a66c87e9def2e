import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import OpenAI, { BadRequestError } from "openai";
import { expect, inject, test } from "vitest";
import { anyCase } from "../grammar/cases.ts";

const MODEL = "smollm2-135m-instruct";
const client = new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });

/** Makes a failure repeatable: the schemas depend on it, and each answer on it and the schema's number. */
const SEED = Number(process.env.SLUICE_TEST_SEED ?? 20_261_122);
const SCHEMAS = 40;
/** As many as the gateway's slots. */
const CONCURRENCY = 4;
const MAX_TOKENS = 32;
/** Large schemas take long to compile, and their answers never end within so few tokens. */
const MAX_SCHEMA_LENGTH = 300;

type Outcome = "whole" | "cut off" | "refused";

const schemas = fc
  .sample(anyCase, { seed: SEED, numRuns: SCHEMAS * 4 })
  .map(({ schema }) => schema)
  .filter((schema) => JSON.stringify(schema).length <= MAX_SCHEMA_LENGTH)
  .slice(0, SCHEMAS);

async function answer(schema: Record<string, unknown>, index: number): Promise<Outcome> {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  try {
    const { choices } = await client.chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "Make something up." }],
      response_format: { type: "json_schema", json_schema: { name: "made_up", schema } },
      temperature: 2,
      max_completion_tokens: MAX_TOKENS,
      seed: SEED + index,
    });
    const { message, finish_reason } = choices[0] ?? expect.fail("there is no answer");
    if (finish_reason === "length") return "cut off";
    const text = message.content ?? "";
    const found = `schema ${index} of SLUICE_TEST_SEED=${SEED}: ${JSON.stringify(schema)} gave ${text}`;
    expect(() => JSON.parse(text), found).not.toThrow();
    expect(ajv.validate(schema, JSON.parse(text)), found).toBe(true);
    return "whole";
  } catch (error) {
    // Dropped keywords are always reported.
    if (error instanceof BadRequestError && error.param?.startsWith("response_format")) return "refused";
    throw error;
  }
}

test(`an answer at temperature 2 validates, whatever its schema is: ${SCHEMAS} of seed ${SEED}`, async () => {
  expect(schemas).toHaveLength(SCHEMAS);
  const waiting = schemas.entries();
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const [index, schema] of waiting) outcomes.push(await answer(schema, index));
    }),
  );
  expect(outcomes.filter((outcome) => outcome === "whole").length).toBeGreaterThan(SCHEMAS / 4);
  expect(outcomes.filter((outcome) => outcome === "refused").length).toBeLessThan(SCHEMAS / 4);
});
