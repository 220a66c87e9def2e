import type { Context, Handler } from "hono";
import type { PresetLibrary } from "../../prompts/library.ts";
import { modelBehind, PRESET_PREFIX, parseReference } from "../../prompts/reference.ts";
import { shapeVector } from "../../protocols/embeddings/vector.ts";
import { isSet } from "../../protocols/fields.ts";
import { parseWire } from "../../protocols/issue.ts";
import { decodeOllamaName } from "../../protocols/ollama/decode.ts";
import { decodeKeepAlive, type KeepAlive } from "../../protocols/ollama/keep-alive.ts";
import {
  encodeListed,
  encodeRunning,
  encodeShown,
  OLLAMA_VERSION,
  type OllamaModel,
} from "../../protocols/ollama/models.ts";
import { ollamaEmbeddingsSchema, ollamaEmbedSchema } from "../../protocols/ollama/schema.ts";
import { createStopwatch, type Durations } from "../../protocols/ollama/stopwatch.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { answerWithVectors, type EmbeddingDeps } from "../embedding.ts";
import { readJson } from "../json-body.ts";
import { modelsAndRoutesFor, modelsFor, resolveModel } from "../model.ts";
import { type ListedModel, listFor } from "./models.ts";

/** `GET /api/tags`: the models, by all their names, and the presets. */
export function listTags(models: ModelDirectory, presets: PresetLibrary, isListingPresets: boolean): Handler<HttpEnv> {
  return (c) => {
    const { named, usable } = listFor(c, models, presets, isListingPresets);
    const listed = [...named, ...usable.map(({ preset, model }) => standIn(model, preset))];
    return c.json({ models: listed.map(encodeListed) });
  };
}

/** `GET /api/ps`: the models that are ready. */
export function listRunning(models: ModelDirectory, now: () => number = Date.now): Handler<HttpEnv> {
  return (c) =>
    c.json({
      models: modelsFor(c, models)
        .filter(({ state }) => state() === "ready")
        .map((model) => encodeRunning(model, now())),
    });
}

/** `POST /api/show`. Throws `ModelNotFoundError`. */
export function showOllamaModel(models: ModelDirectory, presets: PresetLibrary): Handler<HttpEnv> {
  return async (c) => c.json(encodeShown(findShown(c, decodeOllamaName(await readJson(c)).name, models, presets)));
}

/** `GET /api/version` */
export function showOllamaVersion(): Handler<HttpEnv> {
  return (c) => c.json({ version: OLLAMA_VERSION });
}

/** `POST /api/embed` */
export function ollamaEmbed(deps: EmbeddingDeps): Handler<HttpEnv> {
  return answerShaped(deps, (body) => {
    const { model, input, dimensions, keep_alive } = parseWire(ollamaEmbedSchema, body);
    const texts = [input ?? []].flat();
    return {
      model: model ?? undefined,
      keepAlive: decodeKeepAlive(keep_alive),
      // A single empty text counts as no input.
      texts: typeof input === "string" ? texts.filter((text) => text !== "") : texts,
      dimensions: isSet(dimensions) && dimensions > 0 ? dimensions : undefined,
      placeOf: (index) => (typeof input === "string" ? "input" : `input[${index}]`),
      encode: (embeddings, tokens, id, { total_duration, load_duration }) => {
        return { model: model ?? id, embeddings, total_duration, load_duration, prompt_eval_count: tokens };
      },
    };
  });
}

/** `POST /api/embeddings`, the older form: one vector. */
export function ollamaEmbeddings(deps: EmbeddingDeps): Handler<HttpEnv> {
  return answerShaped(deps, (body) => {
    const { model, prompt, keep_alive } = parseWire(ollamaEmbeddingsSchema, body);
    return {
      model: model ?? undefined,
      keepAlive: decodeKeepAlive(keep_alive),
      texts: isSet(prompt) && prompt !== "" ? [prompt] : [],
      dimensions: undefined,
      placeOf: () => "prompt",
      encode: ([embedding = []]) => ({ embedding }),
    };
  });
}

type Wanted = {
  readonly model: string | undefined;
  readonly keepAlive: KeepAlive | undefined;
  readonly texts: readonly string[];
  readonly dimensions: number | undefined;
  readonly placeOf: (index: number) => string;
  readonly encode: (vectors: readonly (readonly number[])[], tokens: number, model: string, took: Durations) => object;
};

function answerShaped(deps: EmbeddingDeps, decode: (body: unknown) => Wanted): Handler<HttpEnv> {
  return answerWithVectors(deps, "embeddings", (body) => {
    const stopwatch = createStopwatch();
    const { model, keepAlive, texts, dimensions, placeOf, encode } = decode(body);
    return {
      ...{ model, placeOf, keepAlive },
      work: { items: texts.map((text) => ({ type: "text", text })), dimensions },
      encode({ vectors, tokens }, id) {
        const shaped = vectors.map((vector) => Array.from(shapeVector(vector, dimensions)));
        return encode(shaped, tokens, id, stopwatch.read());
      },
    };
  });
}

function findShown(c: Context<HttpEnv>, name: string, models: ModelDirectory, presets: PresetLibrary): OllamaModel {
  const reference = parseReference(name);
  if (reference === undefined) return resolveModel(c, models, name);
  const preset = presets.find(reference);
  return standIn(modelBehind(preset, modelsAndRoutesFor(c, models)), preset);
}

/** Returns a preset as a model. The preset has its own tools. */
function standIn(
  model: ListedModel,
  { id, modifiedUnixSeconds }: { readonly id: string; readonly modifiedUnixSeconds: number },
): OllamaModel {
  const can = { ...model.can, infill: false, embeddings: false, reranking: false };
  return { id: `${PRESET_PREFIX}${id}`, can, details: model.details, createdUnixSeconds: modifiedUnixSeconds };
}
