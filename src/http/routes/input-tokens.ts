import type { Handler } from "hono";
import { responsesForm } from "../../prompts/forms.ts";
import { decodeResponsesRequest } from "../../protocols/responses/decode.ts";
import { blameInput } from "../../protocols/responses/failure.ts";
import { answerClient } from "../answer.ts";
import type { HttpEnv } from "../context.ts";
import { startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { generateFitting } from "../responses/fitting.ts";
import { loadTurn, toPrompt } from "../responses/turn.ts";
import { stateOf } from "../tenant.ts";
import { makeTerms } from "../terms.ts";
import type { ResponsesDeps } from "./responses.ts";

/**
 * `POST /v1/responses/input_tokens`: how many tokens the prompt of such a request has, as the model's template renders it. What has to do
 * with tools may be put into words on its way to the engine, so that takes the way of a generation, and leaves it at its first event.
 */
export function countInputTokens({ generate, models, openPreset, state }: ResponsesDeps): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const opened = openPreset(c, await readJson(c), responsesForm);
    const request = decodeResponsesRequest(opened.body);
    const model = chooseModel(c, models, request.model);

    const { readable: items } = loadTurn(stateOf(c, state), request);
    const prompt = opened.compose(toPrompt(request, items));
    const hasTools =
      request.generation.tools !== undefined || items.some(({ type }) => type.startsWith("function_call"));
    if (!hasTools) {
      const counted = model.text.countTokens(prompt).catch((error: unknown) => {
        throw blameInput(error);
      });
      return c.json(encodeCount(await counted));
    }
    const fitting = generateFitting({
      generate,
      items,
      toPrompt: (rest) => opened.compose(toPrompt(request, rest)),
      mayTruncate: request.mayTruncate,
    });
    const id = c.get("requestId");
    const terms = makeTerms(c, request.serviceTier);
    const once = { ...request.generation, maxTokens: 1, prompt, id, model: model.id, terms };
    const generation = startGeneration(fitting, once, connection);
    return answerClient(c, generation, async () => {
      const first = await generation.events.next();
      generation.cancel();
      if (first.done === true || first.value.type !== "started") {
        throw new Error("The generation did not begin with its start.");
      }
      return c.json(encodeCount(first.value.promptTokens));
    });
  };
}

function encodeCount(tokens: number) {
  return { object: "response.input_tokens", input_tokens: tokens };
}
