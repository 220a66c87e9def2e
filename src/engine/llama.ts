/**
 * The only file that knows node-llama-cpp: it loads a model and hands out its vocabulary, its chat template and the batch calls
 * of one context, as the plain types of `worker/backend.ts`.
 *
 * The batch calls are the binding's own, below its scheduler, which loses about half of the throughput with several sequences
 * (docs/decisions/001-own-step-scheduler.md). They are private there, so the version is pinned and `requireCalls` checks at
 * start that they exist.
 */
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import type { Message } from "../generation/request.ts";
import type { EngineInfo, EngineOptions, GpuChoice } from "./messages.ts";
import type { Batcher, Sampler, Tokenizer } from "./worker/backend.ts";
import type { ChatTemplate } from "./worker/prompt.ts";
import { type SamplerConfig, type SamplerConfigFor, samplerConfig } from "./worker/sampling.ts";
import { createThreadTuner, type ThreadTuner } from "./worker/threads.ts";

const BINDING_VERSION = "3.22.1";

/** Tokens that `context: "auto"` gives a slot at most: enough for a chat, little enough for a laptop's memory. */
const AUTO_CONTEXT_TOKENS = 4096;

/**
 * How many chunks of a prompt go into one call when no sequence is decoding: with two, a CPU evaluates 9 % faster than with one
 * (64 tokens each), with more no faster. A GPU wants far larger batches.
 */
const LONE_CHUNKS_CPU = 2;
const LONE_CHUNKS_GPU = 8;

/**
 * Attention on a CPU evaluates so many rows at a time and the rest one by one, which rounds otherwise: only pieces of whole tiles give
 * the same result alone and joined (docs/decisions/007-exactness.md).
 */
const ATTENTION_TILE_TOKENS = 64;

/** `LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_CONTROL`: what tokenizes from its spelling only with special tokens on. */
const CONTROL_ATTRIBUTES = 1 | 8;

/** For models that bring no chat template, as llama-server does. */
const CHATML_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const LOG_LEVELS = {
  [LlamaLogLevel.disabled]: "debug",
  [LlamaLogLevel.fatal]: "error",
  [LlamaLogLevel.error]: "error",
  [LlamaLogLevel.warn]: "warn",
  [LlamaLogLevel.info]: "info",
  [LlamaLogLevel.log]: "debug",
  [LlamaLogLevel.debug]: "debug",
} as const;

type NativeSampler = {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
};
type NativeContext = {
  initBatch(tokenCount: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(logitIndex: number, sampler: NativeSampler): Promise<number>;
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  disposeSequence(sequence: number): void;
  setThreads(threads: number): void;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>;
};
type NativeModel = {
  tokenize(text: string, parseSpecial: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, renderSpecial: boolean): string;
  isEogToken(token: number): boolean;
  getTokenString(token: number): string;
  getTokenAttributes(token: number): number;
  shouldPrependBosToken(): boolean;
};
type NativeBindings = {
  readonly AddonSampler: new (model: NativeModel) => NativeSampler;
  readonly AddonJinjaRenderer: new (template: string) => { render(values: Record<string, unknown>): string };
};

type Log = (level: "debug" | "info" | "warn" | "error", message: string) => void;

/** A model in memory, ready for the scheduler. */
export type LoadedModel = {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly batcher: Batcher;
};

/**
 * Loads a model and makes one context for `slots` sequences.
 *
 * @param log receives llama.cpp's own lines
 * @throws if the binding is another version, the file can't be loaded, or the memory does not suffice
 */
export async function loadModel(options: EngineOptions, log: Log): Promise<LoadedModel> {
  const llama = await openLlama(options.gpu, log);
  const model = await llama.loadModel({ modelPath: options.modelPath });
  refuseEncoder(model);
  const contextTokens =
    options.contextTokens === "auto" ? Math.min(model.trainContextSize, AUTO_CONTEXT_TOKENS) : options.contextTokens;
  // Not left to the binding: its default is 4 at least, and 4 threads on 2 cores prefilled 30 times slower when measured.
  const threads = options.threads === "auto" ? llama.cpuMathCores : options.threads;
  const mayJoin = options.prefillChunkTokens % ATTENTION_TILE_TOKENS === 0;
  const loneChunks = mayJoin ? (llama.gpu === false ? LONE_CHUNKS_CPU : LONE_CHUNKS_GPU) : 1;
  const maxBatchTokens = Math.max(options.slots, options.prefillChunkTokens * loneChunks);
  const context = await model.createContext({
    sequences: options.slots,
    contextSize: contextTokens,
    batchSize: maxBatchTokens,
    // The whole window is kept, so that the prefix of a sliding-window model can be used again.
    swaFullCache: true,
    flashAttention: options.flashAttention === "auto" ? "auto" : options.flashAttention === "on",
    failedCreationRemedy: false,
    threads,
  });

  const bindings = requireCalls<NativeBindings>(llama, "_bindings", ["AddonSampler", "AddonJinjaRenderer"]);
  const nativeModel = requireCalls<NativeModel>(model, "_model", [
    "tokenize",
    "detokenize",
    "isEogToken",
    "getTokenString",
    "getTokenAttributes",
    "shouldPrependBosToken",
  ]);
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

  const vocabularySize = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  return {
    info: {
      slots: options.slots,
      contextTokens,
      trainContextTokens: model.trainContextSize,
      vocabularySize,
      description: model.typeDescription,
      parameters: model.fileInsights.totalParameters ?? 0,
      device: llama.gpu === false ? "cpu" : llama.gpu,
      threads,
    },
    tokenizer: createTokenizer(nativeModel, vocabularySize),
    template: createTemplate(model, nativeModel, bindings, vocabularySize),
    batcher: createBatcher(nativeContext, nativeModel, bindings, {
      slots: options.slots,
      contextTokens,
      maxBatchTokens,
      tuner: createThreadTuner({ maxThreads: threads }),
      exactThreads:
        llama.gpu !== false || options.flashAttention === "off" ? undefined : options.slots === 1 ? threads : 1,
    }),
  };
}

/**
 * Opens llama.cpp with the programs that npm brought.
 *
 * @throws when there is no program of llama.cpp for what was chosen
 */
export async function openLlama(choice: GpuChoice, log: Log): Promise<Llama> {
  const gpu = choice === "off" ? false : choice;
  const advice =
    choice === "auto" || choice === "off"
      ? "Run `npm ci` to get llama.cpp's programs for this machine."
      : "Look at the GPU's driver, or let Sluice choose with --gpu auto.";
  const llama = await getLlama({
    gpu,
    build: "never",
    progressLogs: false,
    maxThreads: 0,
    logger: (level, message) => log(LOG_LEVELS[level], message.trimEnd()),
  }).catch((error: unknown) => {
    throw new Error(`llama.cpp can't run here with --gpu ${choice}. ${advice}`, { cause: error });
  });
  if (gpu !== "auto" && llama.gpu !== gpu) {
    throw new Error(`llama.cpp found no ${choice} device here. ${advice}`);
  }
  return llama;
}

/** Architectures that read a text and never write one: llama.cpp loads them, and would answer every chat with nothing. */
const ENCODERS = /bert|^t5encoder$/;

function refuseEncoder(model: LlamaModel): void {
  const { architecture } = model.fileInfo.metadata.general;
  if (ENCODERS.test(architecture)) {
    throw new Error(
      `This model (${architecture}) makes embeddings and can't write text. Serve a chat or completion model instead.`,
    );
  }
}

function requireCalls<T>(owner: object, field: string, calls: readonly (keyof T & string)[]): T {
  const value: unknown = Reflect.get(owner, field);
  const missing = calls.filter(
    (call) => value === null || typeof value !== "object" || typeof Reflect.get(value, call) !== "function",
  );
  if (missing.length > 0) {
    throw new Error(
      `Sluice needs node-llama-cpp ${BINDING_VERSION} exactly, and the one installed lacks ${field}.${missing.join(", ")}. ` +
        "Run `npm ci` to get the pinned version.",
    );
  }
  return value as T;
}

function createTokenizer(model: NativeModel, vocabularySize: number): Tokenizer {
  return {
    vocabularySize,
    tokenize: (text, parseSpecial) => Array.from(model.tokenize(text, parseSpecial)),
    detokenize: (tokens) => model.detokenize(Uint32Array.from(tokens), false),
    isEndOfGeneration: (token) => model.isEogToken(token),
  };
}

function createTemplate(
  model: LlamaModel,
  native: NativeModel,
  bindings: NativeBindings,
  vocabularySize: number,
): ChatTemplate {
  const renderer = new bindings.AddonJinjaRenderer(model.fileInfo.metadata.tokenizer.chat_template ?? CHATML_TEMPLATE);
  const { bos, bosString, eosString } = model.tokens;
  const constants = { add_generation_prompt: true, bos_token: bosString ?? "", eos_token: eosString ?? "" };

  const controlTokens: string[] = [];
  for (let token = 0; token < vocabularySize; token++) {
    if ((native.getTokenAttributes(token) & CONTROL_ATTRIBUTES) === 0) continue;
    const spelling = native.getTokenString(token);
    if (spelling !== "") controlTokens.push(spelling);
  }
  return {
    render: (messages: readonly Message[]) => renderer.render({ ...constants, messages }),
    controlTokens,
    beginToken: native.shouldPrependBosToken() && bos !== null ? bos : undefined,
  };
}

/** A batch of so many tokens gains from every thread that has a core. */
const SCALING_TOKENS = 16;

/**
 * From this position on, flash attention on CPUs shares a lone token's cache among the threads, and its logits then depend on how many
 * there are. With one thread they are, bit for bit, those of the same token in a batch with others (docs/decisions/007-exactness.md).
 */
const SHARED_CACHE_POSITION = 256;

function createBatcher(
  context: NativeContext,
  model: NativeModel,
  bindings: NativeBindings,
  {
    slots,
    contextTokens,
    maxBatchTokens,
    tuner,
    exactThreads,
  }: Pick<Batcher, "slots" | "contextTokens" | "maxBatchTokens"> & {
    readonly tuner: ThreadTuner;
    /** How many threads evaluate a lone token far into its context where that must be exact; undefined where any number may. */
    readonly exactThreads: number | undefined;
  },
): Batcher {
  const noLogits = new Uint32Array(0);
  let batchTokens = 0;
  let farthest = 0;
  let exactly = false;
  let currentThreads: number | undefined;
  return {
    slots,
    contextTokens,
    maxBatchTokens,
    beginBatch(tokenCount, exact) {
      context.initBatch(tokenCount);
      batchTokens = tokenCount;
      farthest = 0;
      exactly = exact;
    },
    addToBatch(slot, position, tokens, wantLogits) {
      farthest = Math.max(farthest, position);
      const wanted = wantLogits ? Uint32Array.of(tokens.length - 1) : noLogits;
      return context.addToBatch(slot, position, Uint32Array.from(tokens), wanted)[0] ?? -1;
    },
    async decode() {
      // Attention's part grows with the position, so calls compare only within a doubling of it.
      const shape = `${batchTokens}@${Math.floor(Math.log2(1 + farthest / 256))}`;
      const given = exactly && batchTokens === 1 && farthest >= SHARED_CACHE_POSITION ? exactThreads : undefined;
      const threads = given ?? tuner.choose(shape, batchTokens >= SCALING_TOKENS);
      if (threads !== currentThreads) context.setThreads(threads);
      currentThreads = threads;
      const startedAt = performance.now();
      await context.decodeBatch();
      tuner.record(shape, threads, performance.now() - startedAt);
    },
    truncate(slot, length) {
      if (length > 0 && context.removeTokenCellsFromSequence(slot, length, -1)) return true;
      context.disposeSequence(slot);
      return length === 0;
    },
    async copy(target, source) {
      await context.copySequenceStateFromOtherSequence(target, source);
    },
    save: (slot, path, tokens) => context.saveSequenceStateToFile(path, slot, Uint32Array.from(tokens)),
    async load(slot, path) {
      context.disposeSequence(slot);
      await context.loadSequenceStateFromFile(path, slot, contextTokens);
    },
    createSampler: (sampling, prompt) =>
      createSampler(context, new bindings.AddonSampler(model), samplerConfig(sampling, prompt)),
  };
}

/** Draws with llama.cpp's chain: bias → penalties → top-k → top-p → min-p → temperature → draw. */
function createSampler(context: NativeContext, native: NativeSampler, configFor: SamplerConfigFor): Sampler {
  let current: SamplerConfig | undefined;
  return {
    async sample(logitIndex, history) {
      const config = configFor(history);
      if (config !== current) native.applyConfig(config);
      current = config;
      return await context.sampleToken(logitIndex, native);
    },
    dispose: () => native.dispose(),
  };
}
