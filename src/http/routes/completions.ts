import type { Handler } from "hono";
import type { Logger } from "pino";
import { type Backend, partOf } from "../../generation/backend.ts";
import { generateBatch } from "../../generation/batch.ts";
import type { Generate } from "../../generation/layer.ts";
import type { Asker } from "../../generation/model.ts";
import { withDefaults } from "../../generation/wish.ts";
import {
  COMPLETION_DEFAULTS,
  type CompletionRequest,
  decodeCompletionRequest,
} from "../../protocols/completions/decode.ts";
import { type Asked, createChunkEncoder, encodeCompletion, newAnswer } from "../../protocols/completions/encode.ts";
import { blamePrompt } from "../../protocols/completions/failure.ts";
import { createTally } from "../../protocols/tally.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import { answerClient, answerStreamed, answerWhole } from "../answer.ts";
import { makeCacheWish } from "../cache-control.ts";
import type { HttpEnv } from "../context.ts";
import { chatPlaces, noteDroppedKeywords } from "../dropped-keywords.ts";
import { noteNews, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { refusePreset } from "../preset.ts";
import { makeTerms } from "../terms.ts";

export type CompletionDeps = {
  readonly generate: Generate;
  readonly models: ModelDirectory;
  readonly logger: Logger;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** `POST /v1/completions`, whole and streamed. A batch of prompts is several generations at once. */
export function completions({ generate, models, logger, now }: CompletionDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const body = await readJson(c);
    refusePreset(body);
    const completion = decodeCompletionRequest(body);
    const { prompts } = completion;
    const each = withDefaults(completion.wish, undefined, COMPLETION_DEFAULTS);
    noteDroppedKeywords(c, each, chatPlaces());
    const model = chooseModel(c, models, completion.model);

    const terms = makeTerms(c, "auto");
    const explain = (error: unknown) => blamePrompt(error, each.maxTokens);
    const asked = await describeAsked(completion, each.choices, model, {
      tenant: terms.tenant,
      signal: connection,
    }).catch((error: unknown) => {
      throw explain(error);
    });
    const answer = newAnswer(model, Math.floor(now() / 1000));
    const tally = createTally(prompts.length * each.choices);
    const generation = startGeneration(
      (request) => generateBatch(generate, request, prompts),
      {
        ...each,
        id: c.get("requestId"),
        model: model.id,
        terms,
        observe: noteNews(c, tally),
        cache: { ...makeCacheWish(c), isWhole: !completion.stream },
      },
      connection,
    );
    const events = { [Symbol.asyncIterator]: () => generation.events };
    const respond = () =>
      completion.stream
        ? answerStreamed(c, {
            generation,
            encoder: createChunkEncoder(answer, tally, completion.includeUsage, asked),
            tally,
            logger,
            explain,
          })
        : answerWhole(c, tally, encodeCompletion(answer, events, tally, asked));
    return answerClient(c, generation, respond, explain);
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
