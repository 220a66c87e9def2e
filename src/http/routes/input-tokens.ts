import type { Handler } from "hono";
import { estimatePrompt } from "../../keys/estimate.ts";
import { responsesForm } from "../../prompts/forms.ts";
import { decodeResponsesRequest } from "../../protocols/responses/decode.ts";
import { blameInput } from "../../protocols/responses/failure.ts";
import type { HttpEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { answerQuestion, measurePrompt } from "../question.ts";
import { loadTurn, toPrompt } from "../responses/turn.ts";
import { stateOf } from "../tenant.ts";
import type { ResponsesDeps } from "./responses.ts";

/**
 * `POST /v1/responses/input_tokens`: how many tokens the prompt of such a request has, as the model's template renders it, all of it, whether or
 * not it fits. Nothing is evaluated.
 */
export function countInputTokens({ models, openPreset, state }: ResponsesDeps): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const opened = openPreset(c, await readJson(c), responsesForm);
    const request = decodeResponsesRequest(opened.body);
    c.get("facts").droppedTools = request.droppedTools;
    const model = chooseModel(c, models, request.model);

    const { readable: items } = loadTurn(stateOf(c, state), request);
    const prompt = opened.compose(toPrompt(request, items));
    const wanted = { ...request.generation, prompt };
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
