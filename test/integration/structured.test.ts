import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import OpenAI from "openai";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { post, user } from "./client.ts";

const MODEL = "smollm2-135m-instruct";

const called = z.object({ function: z.object({ arguments: z.string() }) });
const answered = z.object({
  choices: z.array(
    z.object({ message: z.object({ content: z.string().nullish(), tool_calls: z.array(called).optional() }) }),
  ),
});

const SCHEMAS: Readonly<Record<string, Record<string, unknown>>> = {
  person: {
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 20 },
      age: { type: "integer", minimum: 0, maximum: 150 },
      email: { anyOf: [{ type: "string", format: "email" }, { type: "null" }] },
      born: { type: "string", format: "date" },
    },
    required: ["name", "age", "email", "born"],
    additionalProperties: false,
  },
  list: {
    type: "array",
    items: { enum: ["red", "green", "blue", 1, null] },
    minItems: 1,
    maxItems: 4,
  },
  tree: {
    type: "object",
    properties: {
      value: { type: "number", exclusiveMinimum: 0, maximum: 9.5 },
      children: { type: "array", items: { $ref: "#" }, maxItems: 2 },
    },
    required: ["value"],
    additionalProperties: false,
  },
  pattern: { type: "object", properties: { id: { type: "string", pattern: "^[A-Z]{2}-\\d{3}$" } }, required: ["id"] },
  tagged: {
    oneOf: [
      {
        type: "object",
        properties: { kind: { const: "circle" }, radius: { type: "integer" } },
        required: ["kind", "radius"],
      },
      {
        type: "object",
        properties: { kind: { const: "text" }, text: { type: "string", maxLength: 12 } },
        required: ["kind"],
      },
    ],
  },
};

function client(): OpenAI {
  return new OpenAI({ baseURL: `${inject("gatewayUrl")}/v1`, apiKey: "none", maxRetries: 0 });
}

function validator(schema: Record<string, unknown>) {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  return ajv.compile(schema);
}

describe("an answer with a response_format", () => {
  test.each(Object.entries(SCHEMAS))("parses and validates at temperature 2: %s", async (name, schema) => {
    const validate = validator(schema);
    const answer = await client().chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "Make something up." }],
      response_format: { type: "json_schema", json_schema: { name, schema } },
      temperature: 2,
      max_completion_tokens: 160,
      n: 4,
      seed: 11,
    });
    for (const { message, finish_reason } of answer.choices) {
      if (finish_reason !== "length") {
        expect(validate(JSON.parse(message.content ?? "")), message.content ?? "").toBe(true);
      }
    }
    expect(answer.choices.some(({ finish_reason }) => finish_reason === "stop")).toBe(true);
  });

  test("streams the same JSON", async () => {
    const stream = await client().chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "Which id?" }],
      response_format: { type: "json_schema", json_schema: { name: "pattern", schema: SCHEMAS.pattern ?? {} } },
      temperature: 2,
      max_completion_tokens: 60,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(validator(SCHEMAS.pattern ?? {})(JSON.parse(text)), text).toBe(true);
  });

  test.each(["123456789012345678", "725653563933458433", "1.0", "1e400", "-0"])(
    "holds the number %s that its schema has, in JSON and in a call",
    async (number) => {
      const ask = async (more: string) => {
        const messages = JSON.stringify(user("Which id?"));
        const body = `{"model":"${MODEL}","messages":${messages},"max_tokens":60,"temperature":2,${more}}`;
        const { choices } = answered.parse(await (await post({}, { body })).json());
        const [{ message } = { message: {} }] = choices;
        return (message.content ?? message.tool_calls?.[0]?.function.arguments ?? "").replaceAll(/\s/g, "");
      };
      const schema = `{"type":"object","properties":{"id":{"const":${number}}},"required":["id"],"additionalProperties":false}`;
      const format = `{"type":"json_schema","json_schema":{"name":"n","schema":${schema}}}`;
      const tools = `[{"type":"function","function":{"name":"f","parameters":${schema}}}]`;
      expect(await ask(`"response_format":${format}`)).toBe(`{"id":${number}}`);
      expect(await ask(`"tools":${tools},"tool_choice":"required"`)).toBe(`{"id":${number}}`);
    },
  );

  test("is any JSON object for json_object", async () => {
    const answer = await client().chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "Give me JSON with your name." }],
      response_format: { type: "json_object" },
      temperature: 0,
      max_completion_tokens: 200,
    });
    const [choice] = answer.choices;
    expect(choice?.message.content).toMatch(/^\{/);
    if (choice?.finish_reason === "stop") {
      expect(JSON.parse(choice.message.content ?? "")).toBeTypeOf("object");
    }
  });

  test("names dropped keywords by path, and is refused for them if the schema is strict", async () => {
    const schema = { type: "object", properties: { tags: { type: "array", uniqueItems: true } } };
    const ask = (strict: boolean) =>
      post({
        messages: user("Hi"),
        max_tokens: 20,
        response_format: { type: "json_schema", json_schema: { name: "x", schema, strict } },
      });
    const path = "response_format.json_schema.schema.properties.tags";
    const lenient = await ask(false);
    expect(lenient.status).toBe(200);
    expect(lenient.headers.get("sluice-schema-dropped")).toContain(`${path}.uniqueItems`);
    const strict = await ask(true);
    expect(strict.status).toBe(400);
    expect(await strict.json()).toMatchObject({ error: { param: path, type: "invalid_request_error" } });
  });
});

describe("the extensions", () => {
  test("constrain an answer to a regular expression and to a grammar", async () => {
    const held = async (field: Record<string, string>) => {
      const response = await post({ messages: user("Yes or no?"), temperature: 2, max_tokens: 20, ...field });
      const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
      return choices[0]?.message.content;
    };
    expect(await held({ regex: "(yes|no), [a-z]{3}" })).toMatch(/^(yes|no), [a-z]{3}$/);
    expect(await held({ grammar: 'root ::= "maybe" [!?]' })).toMatch(/^maybe[!?]$/);
  });
});
