import type { Handler } from "hono";
import { type Backend, partOf } from "../../generation/backend.ts";
import { generateBatch } from "../../generation/batch.ts";
import type { Asker } from "../../generation/model.ts";
import { withDefaults } from "../../generation/wish.ts";
import {
  COMPLETION_DEFAULTS,
  type CompletionRequest,
  decodeCompletionRequest,
} from "../../protocols/completions/decode.ts";
import {
  type Asked,
  createChunkEncoder,
  encodeCompletion,
  newAnswer,
  newId,
} from "../../protocols/completions/encode.ts";
import { peekCompletion } from "../../protocols/peek.ts";
import { blamePrompt } from "../../protocols/prompt-errors.ts";
import type { HttpEnv } from "../context.ts";
import { chatPlaces } from "../dropped-keywords.ts";
import { answerCalls, type Endpoint, type EndpointDeps, type Ordered } from "../endpoint.ts";
import { askerFor } from "../tenant.ts";

/** `POST /v1/completions`, whole and streamed. A batch of prompts runs as several generations at once. */
export function completions(deps: EndpointDeps): Handler<HttpEnv> {
  return answerCalls(completionsEndpoint(deps), deps);
}

function completionsEndpoint({
  generate,
  now,
}: Pick<EndpointDeps, "generate" | "now">): Endpoint<CompletionRequest, Ordered> {
  return {
    conversation: undefined,
    passing: {
      ...{ protocol: "completions", peek: peekCompletion, ending: "data: [DONE]\n\n" },
      begin(model, { choices, includeUsage }) {
        const answer = newAnswer(model, Math.floor(now() / 1000));
        const more = { echo: false, logprobs: undefined, promptLogprobs: false };
        const asked = { ...more, promptTexts: [""], generated: choices, returned: choices };
        return {
          id: answer.id,
          whole: (events, tally) => encodeCompletion(answer, events, tally, asked),
          encoder: (tally) => createChunkEncoder(answer, tally, includeUsage, asked),
        };
      },
    },
    decode: decodeCompletionRequest,
    order({ wish }) {
      const generation = withDefaults(wish, undefined, COMPLETION_DEFAULTS);
      return { generation, wish, places: chatPlaces(), dropped: [] };
    },
    async begin({ request, order: { generation }, model, terms, connection, createdMs, digits }) {
      const { prompts } = request;
      const { choices, maxTokens } = generation;
      const explain = (error: unknown) => blamePrompt(error, maxTokens);
      const asker = askerFor(terms, connection);
      const asked = await describeAsked(request, choices, model, asker).catch((error: unknown) => {
        throw explain(error);
      });
      const answer = newAnswer(model, Math.floor(createdMs / 1000), newId(digits?.("answer")));
      return {
        choices: prompts.length * choices,
        generate: (sent) => generateBatch(generate, sent, prompts),
        whole: (events, tally) => encodeCompletion(answer, events, tally, asked),
        encoder: (tally) => createChunkEncoder(answer, tally, request.includeUsage, asked),
        marks: () => ({ ids: [{ text: answer.id, renew: newId }], unixSeconds: answer.createdUnixSeconds }),
        explain,
      };
    },
  };
}

async function describeAsked(
  completion: CompletionRequest,
  generated: number,
  model: Backend,
  asker: Asker,
): Promise<Asked> {
  const { echo, returned, prompts } = completion;
  const { logprobs, promptLogprobs } = completion;
  const needsTexts = echo || logprobs !== undefined;
  const promptTexts = await Promise.all(prompts.map((prompt) => (needsTexts ? textOf(prompt, model, asker) : "")));
  return {
    promptTexts,
    echo,
    generated,
    returned,
    logprobs,
    promptLogprobs: promptLogprobs !== undefined,
  };
}

async function textOf(prompt: CompletionRequest["prompts"][number], model: Backend, asker: Asker): Promise<string> {
  switch (prompt.type) {
    case "text":
      return prompt.text;
    case "infill":
      return prompt.prefix;
    case "tokens":
      return partOf(model, "text").detokenize(prompt.tokens, asker);
  }
}
