import { z } from "zod";
import { chatRequestSchema } from "../../../protocols/chat/schema.ts";
import { detokenizeSchema, tokenizeSchema } from "../../../protocols/text/schema.ts";
import type { Operation } from "../operation.ts";
import { count, GENERATION_ERRORS } from "./shared.ts";

const model = "smollm2-135m-instruct";

const tokens = z.object({
  tokens: z.union([
    z.array(count),
    // A token that is only part of a character is shown as bytes.
    z.array(z.object({ id: count, piece: z.union([z.string(), z.array(count)]) })),
  ]),
});

export const tokenize: Operation = {
  method: "post",
  path: "/tokenize",
  id: "tokenize",
  tag: "Text",
  summary: "Converts text to a model's tokens",
  description: "Uses the first model if none is named.",
  request: {
    name: "TokenizeRequest",
    schema: tokenizeSchema,
    examples: { "with pieces": { model, content: "Hello, world!", with_pieces: true } },
  },
  answers: {
    200: {
      description: "The token ids; with `with_pieces`, each with its text or bytes.",
      content: { "application/json": { name: "Tokens", schema: tokens } },
    },
  },
  errors: GENERATION_ERRORS,
};

export const detokenize: Operation = {
  method: "post",
  path: "/detokenize",
  id: "detokenize",
  tag: "Text",
  summary: "Converts a model's tokens to text",
  description: "Uses the first model if none is named.",
  request: {
    name: "DetokenizeRequest",
    schema: detokenizeSchema,
    examples: { "some tokens": { model, tokens: [19556, 28, 905] } },
  },
  answers: {
    200: {
      description: "The text.",
      content: { "application/json": { name: "Detokenized", schema: z.object({ content: z.string() }) } },
    },
  },
  errors: GENERATION_ERRORS,
};

export const applyTemplate: Operation = {
  method: "post",
  path: "/apply-template",
  id: "applyTemplate",
  tag: "Text",
  summary: "Shows the prompt of a chat completion with this body",
  description: "Uses the first model if none is named.",
  request: {
    name: "ApplyTemplateRequest",
    schema: chatRequestSchema.extend({ model: tokenizeSchema.shape.model }),
    examples: { "a question": { model, messages: [{ role: "user", content: "Why is the sky blue?" }] } },
  },
  answers: {
    200: {
      description: "The prompt.",
      content: { "application/json": { name: "RenderedPrompt", schema: z.object({ prompt: z.string() }) } },
    },
  },
  errors: GENERATION_ERRORS,
};

const messages = z.object({
  messages: z.array(z.object({ role: z.enum(["system", "user", "assistant", "tool"]), content: z.string() })),
});

export const applyPreset: Operation = {
  method: "post",
  path: "/apply-preset",
  id: "applyPreset",
  tag: "Text",
  summary: "Shows the conversation of a chat completion with this body, with what its preset adds",
  description: "For clients that have another model answer. Texts only: calls and images are left out.",
  request: {
    name: "ApplyPresetRequest",
    schema: chatRequestSchema.extend({
      model: chatRequestSchema.shape.model.describe("The preset, as `preset/NAME`."),
      messages: chatRequestSchema.shape.messages.optional(),
    }),
    examples: { "a commit": { model: "preset/commit-message", variables: { input: "diff --git a/x b/x" } } },
  },
  answers: {
    200: {
      description: "The messages.",
      content: { "application/json": { name: "PresetMessages", schema: messages } },
    },
  },
  errors: GENERATION_ERRORS,
};
