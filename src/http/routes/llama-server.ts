import type { Context, Handler } from "hono";
import { z } from "zod";
import { type Backend, partOf } from "../../generation/backend.ts";
import { generateBatch } from "../../generation/batch.ts";
import { InvalidSamplingError, NotSupportedByModelError } from "../../generation/errors.ts";
import type { Asker } from "../../generation/model.ts";
import type { Prompt, Sampling } from "../../generation/request.ts";
import { withDefaults } from "../../generation/wish.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { decodeInfill, decodeNativeCompletion, type NativeRequest } from "../../protocols/llama-server/decode.ts";
import { decodeNativeEmbedding, encodeNativeEmbedding } from "../../protocols/llama-server/embedding.ts";
import { createNativeEncoder, encodeNative, type NativeAnswer } from "../../protocols/llama-server/encode.ts";
import type { NativePrompt } from "../../protocols/llama-server/prompts.ts";
import { encodeProps, encodeSlots } from "../../protocols/llama-server/props.ts";
import { createRun } from "../../protocols/llama-server/run.ts";
import { blamePrompt } from "../../protocols/prompt-errors.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import { readVersion } from "../../version.ts";
import type { HttpEnv } from "../context.ts";
import { atPlaces, chatPlaces } from "../dropped-keywords.ts";
import { answerWithVectors, type EmbeddingDeps } from "../embedding.ts";
import { answerCalls, type Endpoint, type EndpointDeps, type Ordered } from "../endpoint.ts";
import { readJson } from "../json-body.ts";
import { chooseFirst } from "../model.ts";
import { askerFor } from "../tenant.ts";

/** Far more than any client needs, and few enough to apply at each token. */
const MAX_BIASED_TOKENS = 2_048;

/** `POST /completion`, llama-server's, whole and streamed. */
export function nativeCompletion(deps: EndpointDeps): Handler<HttpEnv> {
  return answerCalls(nativeEndpoint(deps, decodeNativeCompletion), deps);
}

/** `POST /infill`, llama-server's: fills in the text between two others. */
export function infill(deps: EndpointDeps): Handler<HttpEnv> {
  return answerCalls(nativeEndpoint(deps, decodeInfill), deps);
}

function nativeEndpoint(
  { generate }: Pick<EndpointDeps, "generate">,
  decode: (body: unknown) => NativeRequest,
): Endpoint<NativeRequest, Ordered> {
  return {
    conversation: undefined,
    decode,
    order({ wish }) {
      return { generation: withDefaults(wish), wish, places: chatPlaces(), dropped: [] };
    },
    async begin({ request, order, model, terms, connection }) {
      const { choices, maxTokens, stop, sampling: said } = order.generation;
      const explain = (error: unknown) => explainFailure(error, model, maxTokens, order.places);
      const asker = askerFor(terms, connection);
      const [prompts, sampling] = await Promise.all([
        Promise.all(request.prompts.map((prompt) => settlePrompt(prompt, model, asker))),
        settleBiases(said, request.textBiases, model, asker),
      ]).catch((error: unknown) => {
        throw explain(error);
      });
      const run = createRun(generate, prompts, choices, request.lines);
      const answer: NativeAnswer = {
        model: model.id,
        contextTokens: model.details().contextTokens,
        promptTexts: request.prompts.map((prompt) => (prompt.type === "text" ? prompt.text : "")),
        ...{ choices, maxTokens, stop, sampling, request },
      };
      return {
        choices: prompts.length * choices,
        generate: (sent) => generateBatch(run.generate, { ...sent, sampling }, prompts),
        whole: (events, tally) => encodeNative(answer, events, tally, run),
        encoder: (tally) => createNativeEncoder(answer, tally, run),
        explain,
      };
    },
  };
}

function explainFailure(
  error: unknown,
  model: Backend,
  maxTokens: number | undefined,
  places: Ordered["places"],
): unknown {
  if (error instanceof InvalidSamplingError && error.field === "suffix") {
    return new NotSupportedByModelError(model.id, "infill");
  }
  return blamePrompt(atPlaces(error, places), maxTokens);
}

/** Converts the prompt for the engine. The texts of a mixed one become tokens, the first as the beginning of a text. */
async function settlePrompt(prompt: NativePrompt, model: Backend, asker: Asker): Promise<Prompt> {
  if (prompt.type !== "mixed") return prompt;
  const { tokenize } = partOf(model, "text");
  const tokens: number[] = [];
  for (const [index, part] of prompt.parts.entries()) {
    const options = { addSpecial: index === 0, parseSpecial: true };
    for (const token of typeof part === "string" ? await tokenize(part, options, asker) : part) tokens.push(token);
  }
  return tokens.length === 0 ? { type: "text", text: "" } : { type: "tokens", tokens };
}

/** Resolves the biases of texts to their tokens. */
async function settleBiases(
  sampling: Sampling,
  biases: NativeRequest["textBiases"],
  model: Backend,
  asker: Asker,
): Promise<Sampling> {
  if (biases.length === 0) return sampling;
  const { tokenize } = partOf(model, "text");
  const logitBias = [...sampling.logitBias];
  for (const [text, bias] of biases) {
    const tokens = await tokenize(text, { addSpecial: false, parseSpecial: false }, asker);
    for (const token of tokens) logitBias.push([token, bias]);
    if (logitBias.length > MAX_BIASED_TOKENS) throw tooManyBiases();
  }
  return { ...sampling, logitBias };
}

function tooManyBiases(): InvalidRequestError {
  return new InvalidRequestError(
    `Invalid 'logit_bias': its texts have more than ${MAX_BIASED_TOKENS} tokens. Send fewer or shorter texts.`,
    "logit_bias",
    "array_above_max_length",
  );
}

/** `POST /embedding`, llama-server's. */
export function nativeEmbedding(deps: EmbeddingDeps): Handler<HttpEnv> {
  return answerWithVectors(deps, "embeddings", (body) => {
    const request = decodeNativeEmbedding(body);
    return { ...request, encode: (result) => encodeNativeEmbedding(request, result) };
  });
}

/** `GET /props`, llama-server's: the properties of a model, the first by default. */
export function showProps(models: ModelDirectory): Handler<HttpEnv> {
  const version = readVersion();
  return (c) => c.json(encodeProps(modelInQuery(c, models), version));
}

/** `GET /slots`, llama-server's: how busy a model is, the first by default. */
export function showSlots(models: ModelDirectory): Handler<HttpEnv> {
  return (c) => c.json(encodeSlots(modelInQuery(c, models)));
}

function modelInQuery(c: Context<HttpEnv>, models: ModelDirectory): Backend {
  return chooseFirst(c, models, c.req.query("model"));
}

/** `GET /lora-adapters`, llama-server's: none can be set, since adapters are models of their own. */
export function listLoraAdapters(): Handler<HttpEnv> {
  return (c) => c.json([]);
}

/** `POST /lora-adapters`, llama-server's, which sets none. */
export function setLoraAdapters(): Handler<HttpEnv> {
  const none = z.array(z.unknown()).max(0);
  return async (c) => {
    if (none.safeParse(await readJson(c)).success) return c.json({ success: true });
    throw new InvalidRequestError(
      "Unsupported value: adapters can't be set for a model. Those of the settings are models of their own, which GET /v1/models lists. Send an empty list.",
      "lora",
      "unsupported_value",
    );
  };
}
