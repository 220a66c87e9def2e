import type { Handler } from "hono";
import { estimatePrompt } from "../../generation/estimate.ts";
import { complete } from "../../protocols/complete.ts";
import { blameInput } from "../../protocols/prompt-errors.ts";
import { decodeResponsesRequest } from "../../protocols/responses/decode.ts";
import type { HttpEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { addPreset } from "../preset.ts";
import { answerQuestion, measurePrompt } from "../question.ts";
import { loadTurn, toPrompt } from "../responses/turn.ts";
import { stateOf } from "../tenant.ts";
import type { ResponsesDeps } from "./responses.ts";

/**
 * `POST /v1/responses/input_tokens`: counts the tokens of the whole prompt, as the model's template renders it, even if it doesn't fit.
 * Nothing is evaluated.
 */
export function countInputTokens({ models, openPreset, state }: ResponsesDeps): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "input");
    const request = decodeResponsesRequest(body);
    const model = chooseModel(c, models, request.model);

    const { readable: items } = loadTurn(stateOf(c, state), request);
    const wish = addPreset(use, { ...request.wish, prompt: toPrompt(request, items) });
    const { generation: wanted, offer } = complete(request, wish);
    c.get("facts").droppedTools = offer.dropped;
    try {
      return await answerQuestion(c, { model, tokens: estimatePrompt(wanted), connection }, async (asker) => {
        const tokens = await measurePrompt(c, model, wanted, asker);
        return c.json({ object: "response.input_tokens", input_tokens: tokens });
      });
    } catch (error) {
      throw blameInput(error);
    }
  };
}
