import type { Llama, LlamaModel } from "node-llama-cpp";
import type { VocabularyOptions } from "../contract/messages.ts";
import type { ChatTemplate, Tokenizer } from "../contract/native.ts";
import {
  estimateMemoryBy,
  type Log,
  type NativeBindings,
  type NativeModel,
  openLlama,
  requireCalls,
} from "./binding.ts";
import { createTemplate, findControlTokens } from "./template.ts";
import { createTokenBytes } from "./token-bytes.ts";

/** A model's vocabulary and template, without its weights. */
type LoadedVocabulary = { readonly tokenizer: Tokenizer; readonly template: ChatTemplate };

/** A vocabulary with the native objects that an engine needs. */
type NativeVocabulary = LoadedVocabulary & {
  readonly bindings: NativeBindings;
  readonly nativeModel: NativeModel;
  /** Each token's spelling in the model's file. */
  readonly spellings: readonly string[];
  readonly controlTokens: readonly number[];
};

/**
 * Loads a model's vocabulary and chat template, without its weights.
 *
 * @param log receives llama.cpp's own lines
 * @throws if the binding has another version, or the file can't be loaded
 */
export async function loadVocabulary(
  { modelPath, gpu }: Pick<VocabularyOptions, "modelPath" | "gpu">,
  log: Log,
): Promise<LoadedVocabulary> {
  // A vocabulary needs no device, and an open device takes memory. On some platforms every program opens one.
  const llama = await openLlama("off", log).catch(() => openLlama(gpu, log));
  estimateMemoryBy("formula");
  const model = await llama.loadModel({ modelPath, vocabOnly: true });
  const { tokenizer, template } = openVocabulary(llama, model);
  return { tokenizer, template };
}

/** Throws if the binding has another version. */
export function openVocabulary(llama: Llama, model: LlamaModel): NativeVocabulary {
  const bindings = requireCalls<NativeBindings>(llama, "_bindings", [
    "AddonSampler",
    "AddonGrammar",
    "AddonGrammarEvaluationState",
    "AddonJinjaRenderer",
  ]);
  const nativeModel = requireCalls<NativeModel>(model, "_model", [
    "tokenize",
    "detokenize",
    "isEogToken",
    "getTokenString",
    "getTokenAttributes",
    "shouldPrependBosToken",
  ]);
  const spellings = model.fileInfo.metadata.tokenizer.ggml.tokens;
  const controlTokens = findControlTokens(nativeModel, spellings.length);
  return {
    bindings,
    nativeModel,
    spellings,
    controlTokens,
    tokenizer: createTokenizer(nativeModel, spellings.length),
    template: createTemplate(model, nativeModel, bindings, controlTokens),
  };
}

function createTokenizer(model: NativeModel, vocabularySize: number): Tokenizer {
  return {
    vocabularySize,
    tokenize: (text, parseSpecial) => Array.from(model.tokenize(text, parseSpecial)),
    detokenize: (tokens, showControl = false) => model.detokenize(Uint32Array.from(tokens), showControl),
    bytes: createTokenBytes(
      (tokens) => model.detokenize(Uint32Array.from(tokens), true),
      (token) => model.getTokenString(token),
      model.tokenize("a", false)[0],
    ),
    isEndOfGeneration: (token) => model.isEogToken(token),
  };
}
