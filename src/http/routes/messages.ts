import type { Handler } from "hono";
import { ContextLengthExceededError, largerContext } from "../../generation/errors.ts";
import { estimatePrompt } from "../../generation/estimate.ts";
import type { Generation } from "../../generation/wish.ts";
import { complete } from "../../protocols/complete.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { newAnswer, newId } from "../../protocols/messages/answer.ts";
import { decodeCountRequest, decodeMessagesRequest, type MessagesRequest } from "../../protocols/messages/decode.ts";
import { encodeWholeMessage } from "../../protocols/messages/encode.ts";
import { createMessageEncoder } from "../../protocols/messages/encode-stream.ts";
import { peekMessages } from "../../protocols/peek.ts";
import type { HttpEnv } from "../context.ts";
import { atPlaces, messagesPlaces, type SchemaPlaces } from "../dropped-keywords.ts";
import { answerCalls, type Endpoint, type EndpointDeps, type Ordered } from "../endpoint.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { addPreset } from "../preset.ts";
import { answerQuestion, measurePrompt } from "../question.ts";

type Order = Ordered & { readonly generation: Generation };

/** `POST /v1/messages`, whole and streamed. */
export function createMessage(deps: EndpointDeps): Handler<HttpEnv> {
  return answerCalls(messagesEndpoint(deps), deps);
}

function messagesEndpoint({ generate }: Pick<EndpointDeps, "generate">): Endpoint<MessagesRequest, Order> {
  return {
    conversation: "messages",
    passing: {
      ...{ protocol: "messages", peek: peekMessages, ending: "", headers: headersOfApi, explain },
      begin(model, _, { priority }, requestId) {
        const answer = newAnswer(model.id, model.details().contextTokens, true, priority);
        return {
          id: answer.id,
          whole: (events, tally) => encodeWholeMessage(answer, events, tally),
          encoder: (tally) => createMessageEncoder(answer, tally, requestId),
        };
      },
    },
    decode: (body, use) => decodeMessagesRequest(body, use?.preset.maxTokens !== undefined),
    order(request, use) {
      const wish = addPreset(use, request.wish);
      const { generation, offer } = complete(request, wish);
      const dropped = [...offer.dropped, ...request.droppedFields];
      return { generation, wish, places: messagesPlaces(offer.places), dropped };
    },
    begin({ c, request, order, model, terms, digits }) {
      const { contextTokens } = model.details();
      const answer = {
        ...newAnswer(model.id, contextTokens, request.showThinking, terms.priority, newId(digits?.("answer"))),
        // Of a route it is known with the first event only.
        get model() {
          return model.id;
        },
      };
      return {
        choices: 1,
        generate,
        whole: (events, tally) => encodeWholeMessage(answer, events, tally),
        encoder: (tally) => createMessageEncoder(answer, tally, c.get("requestId")),
        explain: (error) => explain(error, order.places),
        marks: () => ({ ids: [{ text: answer.id, renew: newId }] }),
      };
    },
  };
}

/** `POST /v1/messages/count_tokens`: counts the prompt's tokens with the model. */
export function countMessageTokens({
  models,
  openPreset,
}: Pick<EndpointDeps, "models" | "openPreset">): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const { body, use } = openPreset(c, await readJson(c), "messages");
    const request = decodeCountRequest(body);
    const { generation: wanted, offer } = complete(request, addPreset(use, request.wish));
    c.get("facts").droppedTools = [...offer.dropped, ...request.droppedFields];
    const model = chooseModel(c, models, request.model);
    try {
      return await answerQuestion(c, { model, tokens: estimatePrompt(wanted), connection }, async (asker) =>
        c.json({ input_tokens: await measurePrompt(c, model, wanted, asker) }),
      );
    } catch (error) {
      throw explain(error, messagesPlaces(offer.places));
    }
  };
}

/** Translates a generation's errors to the terms of Anthropic's API. */
function explain(error: unknown, places?: SchemaPlaces): unknown {
  if (error instanceof ContextLengthExceededError) {
    // Coding agents look for the first words, and then shorten the conversation by themselves.
    const { promptTokens, contextTokens, atLeast, isUpstream, code } = error;
    const words =
      `prompt is too long: ${promptTokens} tokens > ${contextTokens} maximum${atLeast ? ", not counted to its end" : ""}. ` +
      `Shorten the conversation, its tools or its system prompt${largerContext(isUpstream)}.`;
    return new InvalidRequestError(words, "messages", code);
  }
  return places === undefined ? error : atPlaces(error, places);
}

/** The versions of the API that a body is written in. */
function headersOfApi(header: (name: string) => string | undefined): Readonly<Record<string, string>> {
  const names = ["anthropic-version", "anthropic-beta"];
  const given = names.map((name) => [name, header(name)] as const);
  return Object.fromEntries(
    given.filter((entry): entry is readonly [string, string] => /^[\w.,: -]{1,2048}$/.test(entry[1] ?? "")),
  );
}
