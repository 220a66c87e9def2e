/**
 * Loads a model with node-llama-cpp and provides its vocabulary, its chat template and the batch calls of one context, as the types of
 * `contract/native.ts`. Only this folder imports the binding.
 *
 * It uses the binding's batch calls without the binding's scheduler, which loses about half of the throughput with several sequences
 * (docs/decisions/001-own-step-scheduler.md).
 */
import { LRUCache } from "lru-cache";
import type { LlamaModel } from "node-llama-cpp";
import type { Grammar } from "../../generation/request.ts";
import { mayJoinChunks } from "../contract/cuts.ts";
import type { EngineInfo, EngineOptions } from "../contract/messages.ts";
import type { Batcher, ChatTemplate, Tokenizer } from "../contract/native.ts";
import { createBatcher } from "./batcher.ts";
import {
  createWithinMemory,
  estimateMemoryBy,
  type Log,
  type NativeBindings,
  type NativeContext,
  type NativeGrammar,
  openLlama,
  requireCalls,
} from "./binding.ts";
import { createConstraint } from "./constraint.ts";
import { createThreadTuner } from "./threads.ts";
import { createByteTokens } from "./token-bytes.ts";
import { openVocabulary } from "./vocabulary.ts";

/** The largest context that `context: "auto"` gives a slot: enough for a chat, and small enough for a laptop's memory. */
const AUTO_CONTEXT_TOKENS = 4096;

/**
 * How many chunks of a prompt are evaluated in one call while no sequence decodes. With two chunks of 64 tokens a CPU is 9 % faster than with
 * one, and no faster with more. A GPU needs far larger batches.
 */
const LONE_CHUNKS_CPU = 2;
const LONE_CHUNKS_GPU = 8;

/** How many parsed grammars are cached; agents send the same grammar with each request. */
const MAX_GRAMMARS = 32;

/** A model in memory, ready for the scheduler. */
export type LoadedModel = {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly batcher: Batcher;
  /** Throws an error with a reason for the client if llama.cpp can't parse a grammar. */
  readonly checkGrammar: (gbnf: string) => void;
};

/**
 * Loads a model and creates one context for `slots` sequences.
 *
 * @param log receives llama.cpp's own lines
 * @throws if the binding has another version, the file can't be loaded, or the memory doesn't suffice
 */
export async function loadModel(options: EngineOptions, log: Log): Promise<LoadedModel> {
  const llama = await openLlama(options.gpu, log);
  // On GPUs the estimate decides how many layers they hold, so it must be exact.
  if (llama.gpu === false) estimateMemoryBy("formula");
  const model = await llama.loadModel({ modelPath: options.modelPath });
  refuseEncoder(model);
  const contextTokens =
    options.contextTokens === "auto" ? Math.min(model.trainContextSize, AUTO_CONTEXT_TOKENS) : options.contextTokens;
  // The binding's default is at least 4. Measured: prefill with 4 threads on 2 cores is 30 times slower.
  const cores = Math.max(1, Math.floor(llama.cpuMathCores * (options.coreShare ?? 1)));
  const threads = options.threads === "auto" ? cores : options.threads;
  const loneChunks = mayJoinChunks(options.prefillChunkTokens)
    ? llama.gpu === false
      ? LONE_CHUNKS_CPU
      : LONE_CHUNKS_GPU
    : 1;
  const maxBatchTokens = Math.max(options.slots, options.prefillChunkTokens * loneChunks);
  const context = await createWithinMemory(() =>
    model.createContext({
      sequences: options.slots,
      contextSize: contextTokens,
      batchSize: maxBatchTokens,
      // Keeps the whole context, so that the prefix of a sliding-window model can be reused.
      swaFullCache: true,
      flashAttention: options.flashAttention === "auto" ? "auto" : options.flashAttention === "on",
      failedCreationRemedy: false,
      threads,
      ...(options.adapterPath !== undefined && { lora: options.adapterPath }),
    }),
  );

  const { bindings, nativeModel, spellings, controlTokens, tokenizer, template } = openVocabulary(llama, model);
  const nativeContext = requireCalls<NativeContext>(context, "_ctx", [
    "initBatch",
    "addToBatch",
    "decodeBatch",
    "sampleToken",
    "removeTokenCellsFromSequence",
    "disposeSequence",
    "setThreads",
    "copySequenceStateFromOtherSequence",
    "saveSequenceStateToFile",
    "loadSequenceStateFromFile",
  ]);

  const chatTemplate = model.fileInfo.metadata.tokenizer.chat_template;
  const { bosString, eosString } = model.tokens;
  const byteToken = createByteTokens(spellings, tokenizer.bytes);
  const grammars = new LRUCache<string, NativeGrammar>({ max: MAX_GRAMMARS });
  const parse = (gbnf: string): NativeGrammar => {
    const grammar = grammars.get(gbnf) ?? parseGrammar(gbnf, bindings);
    grammars.set(gbnf, grammar);
    return grammar;
  };
  const constrain = ({ gbnf, triggers }: Grammar) =>
    createConstraint({ bindings, model: nativeModel, grammar: parse(gbnf), triggers, tokenizer, byteToken });
  return {
    info: {
      slots: options.slots,
      contextTokens,
      trainContextTokens: model.trainContextSize,
      vocabularySize: spellings.length,
      embeddingSize: model.embeddingVectorSize,
      description: model.typeDescription,
      parameters: model.fileInsights.totalParameters ?? 0,
      ...(chatTemplate !== undefined && { chatTemplate }),
      canInfill: template.infill !== undefined,
      ...(bosString !== null && { bosToken: bosString }),
      ...(eosString !== null && { eosToken: eosString }),
      device: llama.gpu === false ? "cpu" : llama.gpu,
      threads,
    },
    tokenizer,
    checkGrammar: (gbnf) => void parse(gbnf),
    template,
    batcher: createBatcher(nativeContext, nativeModel, bindings, {
      slots: options.slots,
      contextTokens,
      maxBatchTokens,
      tuner: createThreadTuner({ maxThreads: threads }),
      exactThreads:
        llama.gpu !== false || options.flashAttention === "off" ? undefined : options.slots === 1 ? threads : 1,
      constrain,
      silentTokens: controlTokens.filter((token) => !tokenizer.isEndOfGeneration(token)),
      vocabulary: { ...tokenizer, endTokens: findEndTokens(tokenizer) },
    }),
  };
}

function findEndTokens({ vocabularySize, isEndOfGeneration }: Tokenizer): number[] {
  return Array.from({ length: vocabularySize }, (_, token) => token).filter((token) => isEndOfGeneration(token));
}

/** Encoder architectures: llama.cpp loads them, but they can't generate text. */
const ENCODERS = /bert|^t5encoder$/;

function refuseEncoder(model: LlamaModel): void {
  const { architecture } = model.fileInfo.metadata.general;
  if (ENCODERS.test(architecture)) {
    throw new Error(
      `This model (${architecture}) makes embeddings and can't write text. Serve a chat or completion model instead.`,
    );
  }
}

/** Throws an error with a reason for the client if llama.cpp can't parse the text. */
function parseGrammar(gbnf: string, bindings: NativeBindings): NativeGrammar {
  try {
    return new bindings.AddonGrammar(gbnf, { addonExports: bindings, rootRuleName: "root" });
  } catch (error) {
    throw new Error(
      "llama.cpp can't parse this grammar. It must be GBNF, have a rule named `root`, name no rule that is not there, and not begin " +
        "a rule with itself.",
      { cause: error },
    );
  }
}
