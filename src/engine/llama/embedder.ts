/**
 * Loads a model for embeddings, in a separate process.
 *
 * It needs a separate context, because a llama.cpp context either pools or samples. The binding reads only the vector of sequence 0, so
 * texts are evaluated one after another.
 */
import { type LlamaEmbeddingContext, type LlamaModel, readGgufFileInfo } from "node-llama-cpp";
import type { EmbedderInfo, EmbedderOptions } from "../contract/embedding-messages.ts";
import { type Log, openLlama, requireCalls } from "./binding.ts";
import { createItemEncoder, type ItemEncoder } from "./embedding-tokens.ts";
import { evenPieces, joinMeans } from "./pooling.ts";
import { createThreadTuner } from "./threads.ts";

/** A model in memory, ready to make vectors. Calls must not overlap. */
export type LoadedEmbedder = {
  readonly info: EmbedderInfo;
  readonly encode: ItemEncoder;
  /**
   * The vector of the tokens from `encode`, not normalized; for a reranker one number from 0 to 1. Undefined if `isCancelled` returned
   * true before one of the native calls.
   */
  evaluate(tokens: readonly number[], isCancelled: () => boolean): Promise<Float32Array | undefined>;
  /** When the native call in progress began, by `performance.now()`. */
  readonly decodingSince: number | undefined;
};

/** The most tokens that a text may have with `context: "auto"`, as in a chat. */
const AUTO_CONTEXT_TOKENS = 4096;
/**
 * The most tokens of one call of a model with causal attention. llama.cpp computes unused logits over the whole vocabulary for each, so a
 * larger call takes much memory; measured, it is no faster (docs/decisions/011-embeddings.md).
 */
const CAUSAL_CALL_TOKENS = 128;
/** The smallest context of a model that evaluates a text in one call; doubled until the text fits. */
const MIN_WHOLE_TOKENS = 512;
/** From this many tokens on, more threads are always faster, as long as each has a core. */
const SCALING_TOKENS = 16;

/** llama.cpp's `enum llama_pooling_type`. `none`, the first, gives a vector for each token; their mean is taken, as without a declared type. */
const POOLINGS: readonly (EmbedderInfo["pooling"] | undefined)[] = [undefined, "mean", "cls", "last", "rank"];

/** Architectures whose attention isn't causal although their metadata doesn't say so, from llama.cpp's `src/models`. */
const NOT_CAUSAL = /bert|^t5encoder$|^gemma-embedding$|^dream$|^llada|^rnd1$/;
/** Architectures whose scores are probabilities; those of others are logits (llama.cpp's `build_pooling`). */
const SCORES_ARE_PROBABILITIES = /^qwen3(vl)?$/;

type NativeContext = {
  initBatch(tokenCount: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  disposeSequence(sequence: number): void;
  setThreads(threads: number): void;
  getEmbedding(tokenCount: number): Float64Array;
};

type AdaptedContext = { _setLoras(adapters: readonly { readonly filePath: string }[]): Promise<void> };

/**
 * Loads a model; its context is made with the first text.
 *
 * @param log receives llama.cpp's own lines
 * @throws if the binding has another version, the file can't be loaded, or the memory doesn't suffice
 */
export async function loadEmbedder(options: EmbedderOptions, log: Log): Promise<LoadedEmbedder> {
  const { modelPath } = options;
  const { metadata, architectureMetadata } = await readGgufFileInfo(modelPath, {
    sourceType: "filesystem",
    readTensorInfo: false,
    logWarnings: false,
  });
  const { architecture } = metadata.general;
  const declared = POOLINGS[architectureMetadata.pooling_type ?? 0];
  const pooling = declared ?? "mean";
  const causal = architectureMetadata.attention?.causal !== false && !NOT_CAUSAL.test(architecture);
  /** Whether a text may be evaluated in pieces: each depends only on earlier tokens. */
  const inPieces = causal && pooling !== "cls";

  const llama = await openLlama(options.gpu, log);
  const model = await llama.loadModel({
    modelPath,
    defaultContextFlashAttention: options.flashAttention === "auto" ? "auto" : options.flashAttention === "on",
    // The binding can't set a context's pooling; llama.cpp takes it from the metadata, of any architecture.
    ...(declared === undefined && {
      metadataOverrides: { [architecture]: { pooling_type: POOLINGS.indexOf("mean") } },
    }),
  });
  // llama.cpp would abort at a position for which the model has no vector.
  const wanted = options.contextTokens === "auto" ? AUTO_CONTEXT_TOKENS : options.contextTokens;
  const contextTokens = causal && options.contextTokens !== "auto" ? wanted : Math.min(model.trainContextSize, wanted);
  const threads = options.threads === "auto" ? llama.cpuMathCores : options.threads;
  const vocabularySize = metadata.tokenizer.ggml.tokens.length;
  const contexts = createContexts(model, { inPieces, contextTokens, threads, adapterPath: options.adapterPath });
  const tuner = createThreadTuner({ maxThreads: threads });
  let decodingSince: number | undefined;

  async function call(context: NativeContext, tokens: readonly number[], position: number): Promise<Float64Array> {
    const { length } = tokens;
    const shape = `${length}@${Math.floor(Math.log2(1 + position / 256))}`;
    const chosen = tuner.choose(shape, length >= SCALING_TOKENS);
    context.setThreads(chosen);
    context.initBatch(length);
    context.addToBatch(0, position, Uint32Array.from(tokens), Uint32Array.from(tokens.keys()));
    decodingSince = performance.now();
    try {
      await context.decodeBatch();
      tuner.record(shape, chosen, performance.now() - decodingSince);
    } finally {
      decodingSince = undefined;
    }
    return context.getEmbedding(length);
  }

  async function evaluate(tokens: readonly number[], isCancelled: () => boolean): Promise<Float32Array | undefined> {
    const context = await contexts.forTokens(tokens.length);
    context.disposeSequence(0);
    const callTokens = inPieces ? CAUSAL_CALL_TOKENS : tokens.length;
    const pieces: { readonly tokens: number; readonly mean: Float64Array }[] = [];
    let position = 0;
    for (const length of evenPieces(tokens.length, callTokens)) {
      if (isCancelled()) return undefined;
      const piece = tokens.slice(position, position + length);
      pieces.push({ tokens: length, mean: await call(context, piece, position) });
      position += length;
    }
    const last = pieces.at(-1)?.mean;
    if (last === undefined) throw new Error("nothing to evaluate");
    if (pooling === "mean") return joinMeans(pieces);
    if (pooling !== "rank") return Float32Array.from(last);
    const [score = 0] = last;
    return Float32Array.of(SCORES_ARE_PROBABILITIES.test(architecture) ? score : 1 / (1 + Math.exp(-score)));
  }

  return {
    info: {
      pooling,
      dimensions: model.embeddingVectorSize,
      contextTokens,
      vocabularySize,
      device: llama.gpu === false ? "cpu" : llama.gpu,
      threads,
    },
    encode: createItemEncoder(model, { contextTokens, vocabularySize }),
    evaluate,
    get decodingSince() {
      return decodingSince;
    },
  };
}

/** The context for evaluating texts. If a text is evaluated in one call, it grows with the longest text so far. */
function createContexts(
  model: LlamaModel,
  {
    inPieces,
    contextTokens,
    threads,
    adapterPath,
  }: { inPieces: boolean; contextTokens: number; threads: number; adapterPath: string | undefined },
) {
  let current:
    | { readonly context: LlamaEmbeddingContext; readonly native: NativeContext; readonly tokens: number }
    | undefined;

  return {
    /** A context for this many tokens. Earlier contexts may be disposed. */
    async forTokens(tokenCount: number): Promise<NativeContext> {
      if (current !== undefined && tokenCount <= current.tokens) return current.native;
      await current?.context.dispose();
      current = undefined;
      const tokens = inPieces
        ? contextTokens
        : Math.min(contextTokens, nextPowerOfTwo(Math.max(tokenCount, MIN_WHOLE_TOKENS)));
      const context = await model.createEmbeddingContext({
        contextSize: tokens,
        batchSize: inPieces ? Math.min(tokens, CAUSAL_CALL_TOKENS) : tokens,
        threads,
      });
      if (adapterPath !== undefined) {
        // A context for embeddings has no option for it.
        const inner = requireCalls<AdaptedContext>(context, "_llamaContext", ["_setLoras"]);
        await inner._setLoras([{ filePath: adapterPath }]);
      }
      const native = requireCalls<NativeContext>(Reflect.get(context, "_llamaContext"), "_ctx", [
        "initBatch",
        "addToBatch",
        "decodeBatch",
        "disposeSequence",
        "setThreads",
        "getEmbedding",
      ]);
      current = { context, native, tokens };
      return native;
    },
  };
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}
