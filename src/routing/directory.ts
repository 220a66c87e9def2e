import type { Embed } from "../generation/embedding.ts";
import { ModelNotFoundError } from "../generation/errors.ts";
import type { Generate } from "../generation/layer.ts";
import type { ModelInfo, ModelText } from "../generation/model.ts";
import type { Settle } from "../generation/settle.ts";
import { type Alias, parseAliases } from "./aliases.ts";

/** `loading`: its first engine starts. `restarting`: its engine died and comes back. `failed`: it won't come back by itself. */
export type ModelState = "loading" | "ready" | "restarting" | "failed";

/** What a model is, as its file says. Optional fields are absent where the file does not tell. */
export type ModelDetails = {
  /** llama.cpp's name for the network, such as `llama` or `gemma3`. */
  readonly architecture: string;
  /** Such as `Q4_K_M`. */
  readonly quantization?: string;
  readonly parameters: number;
  /** Bytes of the file, all parts together. */
  readonly sizeBytes: number;
  /** The file's hash, where it was computed when the file came. */
  readonly sha256?: string;
  readonly trainContextTokens?: number;
  readonly vocabularySize?: number;
  /** Whether the file brings a chat template. */
  readonly hasChatTemplate: boolean;
  /** False for a model that only reads. */
  readonly writesText: boolean;
  /** Whether it scores documents instead of making vectors. */
  readonly reranks: boolean;
};

/** A model that requests can name, with what answers for it. */
export type ServedModel = {
  /** The name in `GET /v1/models` and in answers. May hold slashes and colons, such as `owner/repo:Q4_K_M`. */
  readonly id: string;
  /** Further names that requests may use. */
  readonly aliases: readonly string[];
  /** When the model came here, in Unix seconds. */
  readonly createdUnixSeconds: number;
  readonly ownedBy: string;
  readonly state: () => ModelState;
  readonly details: ModelDetails;
  readonly generate: Generate;
  /** As `generate`, up to `started`: how long the prompt is, evaluated by nobody. */
  readonly measure: Generate;
  /** The request as the engine would get it, tools and calls in the model's own form. */
  readonly settle: Settle;
  /** As `generate`, up to `started`: what evaluating the prompt would take. Throws what a generation throws, where the prompt does not fit too. */
  readonly price: Generate;
  /** Questions about text that need no generation. */
  readonly text: ModelText;
  /** Undefined until it has loaded for the first time. */
  readonly info: () => ModelInfo | undefined;
  /** Makes vectors and, with a reranker, scores; undefined where nothing does. */
  readonly embed?: Embed;
};

/** What becomes of a request for a model that isn't there: it is refused, or the default model answers it. */
export type UnknownModel = "refuse" | "default";

/** The models that this gateway serves. */
export type ModelDirectory = {
  /** What the settings call models besides, with the model's id. */
  readonly aliases: readonly Alias[];
  readonly unknownModel: UnknownModel;
  /** All models, in the order in which they were given. */
  readonly list: () => readonly ServedModel[];
  /** The model with this id or alias, in any case of letters. Throws `ModelNotFoundError` with the ids that exist. */
  readonly resolve: (name: string) => ServedModel;
};

export type DirectoryOptions = {
  /** `NAME=MODEL` each; they win over those that models bring. */
  readonly aliases?: readonly string[];
  /** `refuse` if absent. */
  readonly unknownModel?: UnknownModel;
};

/**
 * A directory of `models`. An id wins over an alias, and among aliases the model that was given first.
 * Throws when two models have the same id, because one of them could never be asked, and an `AliasError` for an alias that can't be.
 */
export function createModelDirectory(given: readonly ServedModel[], options: DirectoryOptions = {}): ModelDirectory {
  const aliases = parseAliases(options.aliases ?? [], given);
  const models = given.map((model) => ({ ...model, aliases: [...namesOf(model.id, aliases), ...model.aliases] }));
  const ids = models.map((model) => model.id);
  const byName = new Map<string, ServedModel>();
  for (const model of models) {
    const key = model.id.toLowerCase();
    if (byName.has(key)) {
      throw new Error(`Two models have the id \`${model.id}\`. Give each model once.`);
    }
    byName.set(key, model);
  }
  for (const { name, model } of aliases) byName.set(name.toLowerCase(), resolve(model));
  for (const model of models) {
    for (const alias of model.aliases) {
      const key = alias.toLowerCase();
      if (!byName.has(key)) {
        byName.set(key, model);
      }
    }
  }
  function resolve(name: string): ServedModel {
    const model = byName.get(name.toLowerCase());
    if (model === undefined) {
      throw new ModelNotFoundError(name, ids);
    }
    return model;
  }

  return { aliases, unknownModel: options.unknownModel ?? "refuse", list: () => models, resolve };
}

function namesOf(id: string, aliases: readonly Alias[]): readonly string[] {
  return aliases.filter(({ model }) => model === id).map(({ name }) => name);
}
