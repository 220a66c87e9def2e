import { createHash } from "node:crypto";
import type { LlamaLibrary, Pointer } from "./library.ts";

export type RawModelOptions = {
  readonly path: string;
  readonly contextTokens: number;
  /** The most tokens of one call. */
  readonly batchTokens: number;
  readonly threads: number;
};

/** A model whose logits can be read whole. It holds one sequence. */
export type RawModel = {
  readonly vocabularySize: number;
  /** The same for models whose tokens are the same texts under the same ids. */
  readonly vocabularyHash: string;
  readonly trainContextTokens: number;
  readonly parameterCount: number;
  /** The bytes of all tensors. */
  readonly weightBytes: number;
  /** The token that begins a text; undefined if the model has none. */
  readonly beginning: number | undefined;
  /** The tokens of a text, without the beginning's. */
  readonly tokenize: (text: string) => readonly number[];
  /** How many bytes of text a token stands for. */
  readonly bytesOf: (token: number) => number;
  /** Forgets the sequence. */
  readonly clear: () => void;
  /** Appends tokens, `batchTokens` at most. With `scored`, `logits` can be read for each of them; else for the last one. */
  readonly append: (tokens: readonly number[], scored: boolean) => void;
  /** The logits after a token of the last call. They change with the next call. */
  readonly logits: (index: number) => Float32Array;
};

/** @throws if the model can't be loaded; llama.cpp has then printed why */
export function loadRawModel(library: LlamaLibrary, options: RawModelOptions): RawModel {
  const { path, contextTokens, batchTokens, threads } = options;
  const model = library.loadModel(path, library.modelDefaults());
  if (model === null) throw new Error(`llama.cpp can't load ${path}`);
  if (library.hasEncoder(model)) throw new Error(`${path} is an encoder and writes no text, so it can't be compared`);
  const context = library.createContext(model, {
    ...library.contextDefaults(),
    ...{ n_ctx: contextTokens, n_batch: batchTokens, n_ubatch: batchTokens, n_outputs_max: batchTokens },
    ...{ n_outputs_max_per_seq: batchTokens, n_threads: threads, n_threads_batch: threads },
  });
  if (context === null) throw new Error(`there is not enough memory for ${contextTokens} tokens of context of ${path}`);
  const vocabulary = library.vocabularyOf(model);
  const vocabularySize = library.vocabularySize(vocabulary);
  const memory = library.memoryOf(context);
  const wanted = new Int8Array(batchTokens);
  const piece = Buffer.alloc(4096);

  return {
    vocabularySize,
    vocabularyHash: hashVocabulary(library, vocabulary, vocabularySize),
    trainContextTokens: library.trainContext(model),
    parameterCount: Number(library.parameterCount(model)),
    weightBytes: Number(library.weightBytes(model)),
    beginning: library.addsBos(vocabulary) ? library.bosToken(vocabulary) : undefined,
    tokenize(text) {
      const bytes = Buffer.from(text);
      const tokens = new Int32Array(bytes.length + 16);
      const count = library.tokenize(vocabulary, bytes, bytes.length, tokens, tokens.length, false, false);
      if (count < 0) throw new Error(`${path} can't tokenize the text`);
      return [...tokens.subarray(0, count)];
    },
    bytesOf: (token) => Math.abs(library.tokenBytes(vocabulary, token, piece, piece.length, 0, false)),
    clear() {
      if (memory !== null) library.clearMemory(memory, true);
    },
    append(tokens, scored) {
      wanted.fill(scored ? 1 : 0);
      wanted[tokens.length - 1] = 1;
      const result = library.decode(context, {
        ...{ n_tokens: tokens.length, token: Int32Array.from(tokens), logits: wanted },
        ...{ embd: null, pos: null, n_seq_id: null, seq_id: null },
      });
      if (result !== 0) throw new Error(`llama.cpp can't evaluate ${tokens.length} tokens with ${path} (${result})`);
      library.synchronize(context);
    },
    logits(index) {
      const pointer = library.logitsOf(context, index);
      if (pointer === null) throw new Error(`llama.cpp has no logits at ${index}`);
      return library.floatsAt(pointer, vocabularySize);
    },
  };
}

function hashVocabulary(library: LlamaLibrary, vocabulary: Pointer<"vocabulary">, size: number): string {
  const hash = createHash("sha256");
  for (let token = 0; token < size; token++) hash.update(`${library.tokenText(vocabulary, token) ?? ""}\0`);
  return hash.digest("hex");
}
