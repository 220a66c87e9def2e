import { z } from "zod";
import { chooseModel } from "./models.ts";
import { answer, defineTool, MAX_TEXT_LENGTH, modelName, text } from "./tool.ts";

const MAX_TOKENS = 1_048_576;
const MAX_VARIABLES = 64;

const eventSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({
    choices: z.array(
      z.object({
        delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish(),
      }),
    ),
  }),
]);

/** The gateway's own words about an answer that has begun. */
class AnswerError extends Error {}

/** `generate`: has a model answer a prompt. */
export const generate = defineTool({
  name: "generate",
  title: "Generate text",
  description:
    "Has a language model that Sluice serves answer a prompt. With 'schema' the answer is JSON that fits it. " +
    "With model preset/NAME the prompt is put into that preset.",
  capability: "chat",
  inputSchema: z.strictObject({
    prompt: text.describe("The user's message."),
    system: z.string().max(MAX_TEXT_LENGTH).optional().describe("The system text."),
    model: modelName.optional(),
    max_tokens: z.int().min(1).max(MAX_TOKENS).optional().describe("The answer's length in tokens, at most."),
    temperature: z.number().min(0).max(2).optional().describe("How freely it is sampled."),
    seed: z.int().min(0).optional().describe("Makes a sampled answer repeatable."),
    schema: z.record(z.string(), z.unknown()).optional().describe("A JSON schema that the answer must fit."),
    variables: z
      .record(z.string().max(64), z.union([z.string().max(MAX_TEXT_LENGTH), z.number(), z.boolean()]))
      .refine((values) => Object.keys(values).length <= MAX_VARIABLES, `at most ${MAX_VARIABLES} are allowed`)
      .optional()
      .describe("Values for the preset's variables."),
  }),
  async run({ prompt, system, schema, model: named, ...fields }, { door, signal, report }) {
    const model = named ?? (await chooseModel(door, "chat"));
    const body = {
      ...{ model, ...fields, stream: true },
      messages: [
        ...(system === undefined || system === "" ? [] : [{ role: "system", content: system }]),
        { role: "user", content: prompt },
      ],
      ...(schema !== undefined && {
        response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } },
      }),
    };
    let written = "";
    let isCut = false;
    report("waiting for the first word");
    for await (const event of door.stream("/v1/chat/completions", body, signal)) {
      const { data } = eventSchema.safeParse(event);
      if (data === undefined) continue;
      if ("error" in data) throw new AnswerError(data.error.message);
      for (const { delta, finish_reason: finish } of data.choices) {
        written += delta?.content ?? "";
        if (delta?.reasoning_content) report("the model is thinking");
        if (delta?.content) report(`${written.length} characters`);
        if (finish === "length") isCut = true;
      }
    }
    const { content, ...rest } = answer(written, schema === undefined || isCut ? undefined : readObject(written));
    const note = { type: "text" as const, text: "(The answer was cut off at its maximum length.)" };
    return { ...rest, content: isCut ? [...content, note] : content };
  },
});

function readObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return z.record(z.string(), z.unknown()).safeParse(value).data;
  } catch {
    return undefined;
  }
}
