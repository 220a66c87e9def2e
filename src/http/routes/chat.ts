import type { Handler } from "hono";
import type { Generation } from "../../generation/wish.ts";
import { newAnswer, newId } from "../../protocols/chat/answer.ts";
import { type ChatRequest, decodeChatRequest } from "../../protocols/chat/decode.ts";
import { encodeCompletion } from "../../protocols/chat/encode.ts";
import { createChunkEncoder } from "../../protocols/chat/encode-chunks.ts";
import { complete } from "../../protocols/complete.ts";
import { peekChat } from "../../protocols/peek.ts";
import type { ToolOffer } from "../../protocols/tools/offer.ts";
import type { State } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { chatPlaces } from "../dropped-keywords.ts";
import { answerCalls, type Endpoint, type EndpointDeps, type Ordered } from "../endpoint.ts";
import { addPreset } from "../preset.ts";
import { rememberChat } from "../remember-chat.ts";
import { assertRoom, stateOf } from "../tenant.ts";

/** `POST /v1/chat/completions`, whole and streamed. */
export function chatCompletions(deps: EndpointDeps & { readonly state: State }): Handler<HttpEnv> {
  return answerCalls(chatEndpoint(deps), deps);
}

type Order = Ordered & { readonly generation: Generation; readonly labels: ToolOffer["labels"] };

function chatEndpoint({
  generate,
  now,
  state,
}: Pick<EndpointDeps, "generate" | "now"> & { readonly state: State }): Endpoint<ChatRequest, Order> {
  return {
    conversation: "messages",
    passing: {
      ...{ protocol: "chat", peek: peekChat, ending: "data: [DONE]\n\n" },
      begin(model, { choices, includeUsage }, { priority }) {
        const answer = newAnswer(model, Math.floor(now() / 1000), choices, { priority });
        return {
          id: answer.id,
          whole: (events, tally) => encodeCompletion(answer, events, tally),
          encoder: (tally) => createChunkEncoder(answer, tally, includeUsage),
        };
      },
    },
    decode: decodeChatRequest,
    order(request, use) {
      const wish = addPreset(use, request.wish);
      const { generation, offer } = complete(request, wish);
      return { generation, wish, places: chatPlaces(offer.places), dropped: offer.dropped, labels: offer.labels };
    },
    begin({ c, request, order, model, terms, createdMs, digits }) {
      const { memory } = request;
      if (memory !== undefined) assertRoom(c, stateOf(c, state));
      const answer = newAnswer(model, Math.floor(createdMs / 1000), order.generation.choices, {
        id: newId(digits?.("answer")),
        tellsFunctionCall: request.answersFunctionCall,
        priority: terms.priority,
        toolLabels: order.labels,
      });
      return {
        choices: answer.choices,
        generate,
        whole: (events, tally) => encodeCompletion(answer, events, tally),
        encoder: (tally) => createChunkEncoder(answer, tally, request.includeUsage),
        marks: () => ({ ids: [{ text: answer.id, renew: newId }], unixSeconds: answer.createdUnixSeconds }),
        ...(memory !== undefined && {
          keep: (generation) =>
            rememberChat(generation, { ...memory, answer, mayBeThere: digits !== undefined }, stateOf(c, state)),
        }),
      };
    },
  };
}
