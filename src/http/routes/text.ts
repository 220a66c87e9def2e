import type { Handler } from "hono";
import { chatForm } from "../../prompts/forms.ts";
import { decodeChatRequest } from "../../protocols/chat/decode.ts";
import { parseWire } from "../../protocols/issue.ts";
import { encodePieces } from "../../protocols/text/pieces.ts";
import { detokenizeSchema, templateModelSchema, tokenizeSchema } from "../../protocols/text/schema.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { chooseFirst } from "../model.ts";
import type { OpenPreset } from "../preset.ts";

/** `POST /tokenize`, as llama-server has it. */
export function tokenize(models: ModelDirectory): Handler<HttpEnv> {
  return async (c) => {
    const wire = parseWire(tokenizeSchema, await readJson(c));
    const { text } = chooseFirst(c, models, wire.model);
    const tokens = await text.tokenize(wire.content.toWellFormed(), {
      addSpecial: wire.add_special ?? false,
      parseSpecial: wire.parse_special ?? true,
    });
    return c.json({ tokens: wire.with_pieces === true ? encodePieces(tokens, await text.spell(tokens)) : tokens });
  };
}

/** `POST /detokenize`, as llama-server has it. */
export function detokenize(models: ModelDirectory): Handler<HttpEnv> {
  return async (c) => {
    const { model, tokens } = parseWire(detokenizeSchema, await readJson(c));
    return c.json({ content: await chooseFirst(c, models, model).text.detokenize(tokens) });
  };
}

/**
 * `POST /apply-template`: what a chat completion with this body would have for its prompt. Every field of a chat completion is understood,
 * and refused where it would be there, so that a prompt is never shown which the model would not get.
 */
export function applyTemplate(models: ModelDirectory, openPreset: OpenPreset): Handler<HttpEnv> {
  return async (c) => {
    const { body, complete } = openPreset(c, await readJson(c), chatForm);
    const model = chooseFirst(c, models, parseWire(templateModelSchema, body).model);
    const wanted = complete(decodeChatRequest({ ...Object(body), model: model.id }).generation);
    const { signal } = c.req.raw;
    const { prompt, tools } = await model.settle({ ...wanted, id: c.get("requestId"), model: model.id, signal });
    if (prompt.type !== "chat") throw new Error("a chat completion has a chat for its prompt");
    return c.json({ prompt: await model.text.applyTemplate(prompt, tools?.tools) });
  };
}
