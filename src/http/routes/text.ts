import type { Handler } from "hono";
import { partOf } from "../../generation/backend.ts";
import { estimatePrompt, estimateText } from "../../generation/estimate.ts";
import type { ModelText } from "../../generation/model.ts";
import { PRESET_PREFIX } from "../../prompts/reference.ts";
import { decodeChatRequest } from "../../protocols/chat/decode.ts";
import { complete } from "../../protocols/complete.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { parseWire } from "../../protocols/issue.ts";
import { detokenizeSchema, encodePieces, templateModelSchema, tokenizeSchema } from "../../protocols/text/schema.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { chooseFirst } from "../model.ts";
import { addPreset, type OpenPreset } from "../preset.ts";
import { answerQuestion } from "../question.ts";

/** The number of tokens to convert at once: a few ms of work. */
const SPELLED_AT_ONCE = 2_048;

/** `POST /tokenize`, as llama-server has it. */
export function tokenize(models: ModelDirectory): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const wire = parseWire(tokenizeSchema, await readJson(c));
    const model = chooseFirst(c, models, wire.model);
    const content = wire.content.toWellFormed();
    const options = { addSpecial: wire.add_special ?? false, parseSpecial: wire.parse_special ?? true };
    const text = partOf(model, "text");
    return answerQuestion(c, { model, tokens: estimateText(content), connection }, async (asker) => {
      const tokens = await text.tokenize(content, options, asker);
      if (wire.with_pieces !== true) return c.json({ tokens });
      const pieces = await spellAll(tokens, (some) => text.spell(some, asker));
      return c.body(`{"tokens":[${pieces}]}`, 200, { "content-type": "application/json" });
    });
  };
}

/** Encodes all pieces as JSON, with pauses for other work. */
async function spellAll(tokens: readonly number[], spell: ModelText["spell"]): Promise<string> {
  const parts: string[] = [];
  for (let begin = 0; begin < tokens.length; begin += SPELLED_AT_ONCE) {
    const some = tokens.slice(begin, begin + SPELLED_AT_ONCE);
    parts.push(JSON.stringify(encodePieces(some, await spell(some))).slice(1, -1));
  }
  return parts.join(",");
}

/** `POST /detokenize`, as llama-server has it. */
export function detokenize(models: ModelDirectory): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const { model: name, tokens } = parseWire(detokenizeSchema, await readJson(c));
    const model = chooseFirst(c, models, name);
    const text = partOf(model, "text");
    return answerQuestion(c, { model, tokens: tokens.length, connection }, async (asker) =>
      c.json({ content: await text.detokenize(tokens, asker) }),
    );
  };
}

/**
 * `POST /apply-template`: shows the prompt of a chat completion with this body. Every field is decoded, and refused if a chat completion
 * would refuse it, so that the shown prompt is always the model's.
 */
export function applyTemplate(models: ModelDirectory, openPreset: OpenPreset): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "messages");
    const model = chooseFirst(c, models, parseWire(templateModelSchema, body).model);
    const chat = decodeChatRequest({ ...Object(body), model: model.id });
    const { generation: wanted, offer } = complete(chat, addPreset(use, chat.wish));
    c.get("facts").droppedTools = offer.dropped;
    return answerQuestion(c, { model, tokens: estimatePrompt(wanted), connection }, async (asker) => {
      const request = { ...wanted, id: c.get("requestId"), model: model.id, signal: connection };
      const { prompt, tools } = await partOf(model, "settle")(request);
      if (prompt.type !== "chat") throw new Error("a chat completion has a chat for its prompt");
      return c.json({ prompt: await partOf(model, "text").applyTemplate(prompt, tools?.tools, asker) });
    });
  };
}

/**
 * `POST /apply-preset`: shows the conversation that a chat completion with this body has, with what its preset adds. No model is asked, so it is
 * also for clients that have another one answer.
 */
export function applyPreset(openPreset: OpenPreset): Handler<HttpEnv> {
  return async (c) => {
    const { body, use } = openPreset(c, await readJson(c), "messages");
    if (use === undefined) {
      throw new InvalidRequestError(
        `'model' names no preset. Set it to '${PRESET_PREFIX}NAME'.`,
        "model",
        "unsupported_model",
      );
    }
    const { prompt } = addPreset(use, decodeChatRequest(body).wish);
    if (prompt.type !== "chat") throw new Error("a chat completion has a chat for its prompt");
    return c.json({ messages: prompt.messages.map(({ role, content }) => ({ role, content })) });
  };
}
