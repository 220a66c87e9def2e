/**
 * The private interface of node-llama-cpp that Sluice uses. Because it is private, the version is pinned, and `requireCalls` checks at start
 * that the calls exist.
 */
import {
  GgufInsights,
  getLlama,
  getLlamaGpuTypes,
  InsufficientMemoryError,
  type Llama,
  LlamaLogLevel,
} from "node-llama-cpp";
import type { GpuChoice } from "../contract/messages.ts";
import { openCpuProgram } from "./cpu-program.ts";
import type { SamplerConfig } from "./sampling.ts";

export const BINDING_VERSION = "3.22.1";

const LOG_LEVELS = {
  [LlamaLogLevel.disabled]: "debug",
  [LlamaLogLevel.fatal]: "error",
  [LlamaLogLevel.error]: "error",
  [LlamaLogLevel.warn]: "warn",
  [LlamaLogLevel.info]: "info",
  [LlamaLogLevel.log]: "debug",
  [LlamaLogLevel.debug]: "debug",
} as const;

declare const opaque: unique symbol;
export type NativeGrammar = { readonly [opaque]: "grammar" };
/** The position of a text in a grammar. Its memory is freed with the object. */
export type NativeGrammarState = { readonly [opaque]: "grammar state" };

export type NativeSampler = {
  applyConfig(config: SamplerConfig | (SamplerConfig & { readonly grammarEvaluationState: NativeGrammarState })): void;
  dispose(): void;
};
/** Which logits are returned with the sampled token. */
type LogitFilter = readonly [
  tokens: readonly number[],
  includeMax: boolean,
  includeMin: boolean,
  includeSelected: boolean,
  includeTop: number,
];
/** Logits as a flat list of token, logit, token, logit, largest first. The weight is the sum of exp(logit − largest logit). */
type LogitReading = readonly [
  token: number,
  probabilities: undefined,
  confidence: number | undefined,
  logits: readonly number[] | undefined,
  totalLogitWeight: number | undefined,
];
export type NativeContext = {
  initBatch(tokenCount: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(logitIndex: number, sampler: NativeSampler): Promise<number>;
  sampleToken(
    logitIndex: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: LogitFilter,
    totalLogitWeight: boolean,
  ): Promise<LogitReading>;
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  disposeSequence(sequence: number): void;
  setThreads(threads: number): void;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>;
};
export type NativeModel = {
  tokenize(text: string, parseSpecial: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, renderSpecial: boolean): string;
  isEogToken(token: number): boolean;
  getTokenString(token: number): string;
  getTokenAttributes(token: number): number;
  shouldPrependBosToken(): boolean;
};
export type NativeBindings = {
  readonly AddonSampler: (new (
    model: NativeModel,
  ) => NativeSampler) & {
    /** Throws if the grammar refuses the token; the state must not be used afterwards. */
    acceptGrammarEvaluationStateToken(state: NativeGrammarState, token: number): void;
  };
  /** Throws if the text can't be parsed. */
  readonly AddonGrammar: new (
    gbnf: string,
    options: { readonly addonExports: NativeBindings; readonly rootRuleName: string },
  ) => NativeGrammar;
  readonly AddonGrammarEvaluationState: new (model: NativeModel, grammar: NativeGrammar) => NativeGrammarState;
  readonly AddonJinjaRenderer: new (template: string) => { render(values: Record<string, unknown>): string };
};

export type Log = (level: "debug" | "info" | "warn" | "error", message: string) => void;

/**
 * Opens llama.cpp's program for the chosen device.
 *
 * @param log receives llama.cpp's own lines
 * @throws if there is no program for the device
 */
export async function openLlama(choice: GpuChoice, log: Log): Promise<Llama> {
  const gpu = choice === "off" ? false : choice;
  const advice =
    choice === "auto" || choice === "off"
      ? "Run `npm ci` to get llama.cpp's programs for this machine."
      : "Look at the GPU's driver, or let Sluice choose with --gpu auto.";
  const logger = (level: LlamaLogLevel, message: string) => log(LOG_LEVELS[level], message.trimEnd());
  const onCpu = (await usesCpuAlone(choice)) ? await openCpuProgram(BINDING_VERSION, logger) : undefined;
  if (onCpu !== undefined) return onCpu;
  const llama = await getLlama({ gpu, build: "never", progressLogs: false, maxThreads: 0, logger }).catch(
    (error: unknown) => {
      throw new Error(`llama.cpp can't run here with --gpu ${choice}. ${advice}`, { cause: error });
    },
  );
  if (gpu !== "auto" && llama.gpu !== gpu) {
    throw new Error(`llama.cpp found no ${choice} device here. ${advice}`);
  }
  return llama;
}

async function usesCpuAlone(choice: GpuChoice): Promise<boolean> {
  if (choice !== "auto") return choice === "off";
  return (await getLlamaGpuTypes("supported")).every((type) => type === false);
}

/** The binding's private method that names what a trial loads. If it returns null, the binding estimates by its formula. */
const TRIAL_SOURCE = "_resolveSimulatorSource";
const trialSource: unknown = Reflect.get(GgufInsights.prototype, TRIAL_SOURCE);

/**
 * Chooses how the binding estimates the memory of a model and of its context. A trial loads the vocabulary once more for each of the two; the
 * formula needs no load. Its estimates for contexts on CPUs were 0.996 to 2.3 times those of trials.
 */
export function estimateMemoryBy(way: "formula" | "trial"): void {
  Reflect.set(GgufInsights.prototype, TRIAL_SOURCE, way === "trial" ? trialSource : () => Promise.resolve(null));
}

/** Creates a context. If by the formula it doesn't fit into the memory, a trial decides. */
export async function createWithinMemory<Context>(create: () => Promise<Context>): Promise<Context> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof InsufficientMemoryError)) throw error;
    estimateMemoryBy("trial");
    return await create();
  }
}

/** Returns the private object in `owner`'s `field`. Throws if it lacks one of `calls`. */
export function requireCalls<T>(owner: object, field: string, calls: readonly (keyof T & string)[]): T {
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
