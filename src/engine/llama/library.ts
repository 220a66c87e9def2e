/**
 * llama.cpp's own C functions, called through koffi. The binding neither gives whole rows of logits nor quantizes, but its packages have the
 * library that does both (docs/decisions/093-compare.md). Only processes that measure or quantize open it.
 */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import koffi, { type KoffiFunc } from "koffi";
import { pinnedBindingVersion } from "../programs.ts";

/** The release whose `llama.h` the structs below follow. Another one may have other fields. */
const RELEASE = "0.5.0-dev";

declare const opaque: unique symbol;
/** An address of the library. */
export type Pointer<Of extends string> = { readonly [opaque]: Of };

type ModelParams = { [field: string]: unknown; n_gpu_layers: number };
type ContextParams = {
  [field: string]: unknown;
  n_ctx: number;
  n_batch: number;
  n_ubatch: number;
  n_outputs_max: number;
  n_threads: number;
  n_threads_batch: number;
};
type QuantizeParams = {
  [field: string]: unknown;
  nthread: number;
  ftype: number;
  allow_requantize: boolean;
  dry_run: boolean;
};
type Batch = {
  readonly n_tokens: number;
  readonly token: Int32Array;
  readonly embd: null;
  readonly pos: null;
  readonly n_seq_id: null;
  readonly seq_id: null;
  readonly logits: Int8Array;
};

export type LlamaLibrary = {
  readonly modelDefaults: () => ModelParams;
  readonly contextDefaults: () => ContextParams;
  readonly quantizeDefaults: () => QuantizeParams;
  readonly loadModel: (path: string, params: ModelParams) => Pointer<"model"> | null;
  readonly createContext: (model: Pointer<"model">, params: ContextParams) => Pointer<"context"> | null;
  readonly freeModel: (model: Pointer<"model">) => void;
  readonly freeContext: (context: Pointer<"context">) => void;
  readonly vocabularyOf: (model: Pointer<"model">) => Pointer<"vocabulary">;
  readonly vocabularySize: (vocabulary: Pointer<"vocabulary">) => number;
  readonly tokenText: (vocabulary: Pointer<"vocabulary">, token: number) => string | null;
  readonly addsBos: (vocabulary: Pointer<"vocabulary">) => boolean;
  readonly bosToken: (vocabulary: Pointer<"vocabulary">) => number;
  /** The number of tokens, or, if there is no room for them, its negative. */
  readonly tokenize: (
    vocabulary: Pointer<"vocabulary">,
    ...rest: [text: Buffer, textBytes: number, tokens: Int32Array, room: number, special: boolean, parse: boolean]
  ) => number;
  /** The number of bytes, or, if there is no room for them, its negative. */
  readonly tokenBytes: (
    vocabulary: Pointer<"vocabulary">,
    ...rest: [token: number, bytes: Buffer, room: number, strip: number, special: boolean]
  ) => number;
  readonly trainContext: (model: Pointer<"model">) => number;
  readonly parameterCount: (model: Pointer<"model">) => number | bigint;
  readonly weightBytes: (model: Pointer<"model">) => number | bigint;
  readonly hasEncoder: (model: Pointer<"model">) => boolean;
  readonly memoryOf: (context: Pointer<"context">) => Pointer<"memory"> | null;
  readonly clearMemory: (memory: Pointer<"memory">, data: boolean) => void;
  /** 0 if it went well. */
  readonly decode: (context: Pointer<"context">, batch: Batch) => number;
  /** Waits for what a device still computes. */
  readonly synchronize: (context: Pointer<"context">) => void;
  readonly logitsOf: (context: Pointer<"context">, index: number) => Pointer<"logits"> | null;
  /** 0 if it went well. Runs in another thread. */
  readonly quantize: (from: string, to: string, params: QuantizeParams) => Promise<number>;
  /** Calls `listener` with each line that llama.cpp prints from now on, in whichever thread, and prints none. */
  readonly onLine: (listener: (line: string) => void) => void;
  /** The memory at an address, as it is and without a copy. */
  readonly floatsAt: (pointer: Pointer<"logits">, length: number) => Float32Array;
};

const MODEL_PARAMS = koffi.struct({
  ...{ devices: "void *", tensor_buft_overrides: "void *" },
  ...{ n_gpu_layers: "int32", split_mode: "int32", load_mode: "int32", lazy_mode: "int32", main_gpu: "int32" },
  ...{ tensor_split: "void *", progress_callback: "void *", progress_user_data: "void *", kv_overrides: "void *" },
  ...{ vocab_only: "bool", check_tensors: "bool", use_extra_bufts: "bool", no_host: "bool", no_alloc: "bool" },
  load_mtp: "bool",
});

const CONTEXT_PARAMS = koffi.struct({
  ...{ n_ctx: "uint32", n_batch: "uint32", n_ubatch: "uint32", n_seq_max: "uint32", n_rs_seq: "uint32" },
  ...{ n_outputs_max: "uint32", n_outputs_max_per_seq: "uint32", n_threads: "int32", n_threads_batch: "int32" },
  ...{ ctx_type: "int32", rope_scaling_type: "int32", pooling_type: "int32", attention_type: "int32" },
  ...{ flash_attn_type: "int32", rope_freq_base: "float", rope_freq_scale: "float", yarn_ext_factor: "float" },
  ...{ yarn_attn_factor: "float", yarn_beta_fast: "float", yarn_beta_slow: "float", yarn_orig_ctx: "uint32" },
  ...{ defrag_thold: "float", cb_eval: "void *", cb_eval_user_data: "void *", type_k: "int32", type_v: "int32" },
  ...{ abort_callback: "void *", abort_callback_data: "void *", embeddings: "bool", offload_kqv: "bool" },
  ...{ no_perf: "bool", op_offload: "bool", swa_full: "bool", kv_unified: "bool", samplers: "void *" },
  ...{ n_samplers: "size_t", ctx_other: "void *" },
});

const QUANTIZE_PARAMS = koffi.struct({
  ...{ nthread: "int32", ftype: "int32", output_tensor_type: "int32", token_embedding_type: "int32" },
  ...{ allow_requantize: "bool", quantize_output_tensor: "bool", only_copy: "bool", pure: "bool" },
  ...{ keep_split: "bool", dry_run: "bool", imatrix: "void *", kv_overrides: "void *", tt_overrides: "void *" },
  ...{ prune_layers: "void *", max_buf_size: "size_t" },
});

const BATCH = koffi.struct({
  ...{ n_tokens: "int32", token: "void *", embd: "void *", pos: "void *", n_seq_id: "void *", seq_id: "void *" },
  logits: "void *",
});

const LOG = koffi.pointer(koffi.proto("void", ["int", "str", "void *"]));

/**
 * Opens the library beside the binding's add-on, and the backends in its folder.
 *
 * @param addonPath the binding's add-on for the chosen device
 * @throws if the library isn't there, or is of another release than the structs
 */
export function openLibrary(addonPath: string): LlamaLibrary {
  const folder = dirname(addonPath);
  const llama = koffi.load(findFile(folder, "llama"));
  const release: string = llama.func("llama_version", "str", [])();
  if (release !== RELEASE) {
    throw new Error(
      `Sluice knows the library of llama.cpp ${RELEASE}, and this one is ${release}. Run \`npm ci\` to get node-llama-cpp ${pinnedBindingVersion()}.`,
    );
  }
  koffi.load(findFile(folder, "ggml")).func("ggml_backend_load_all_from_path", "void", ["str"])(folder);
  const of = (name: string, result: Parameters<typeof llama.func>[1] | typeof BATCH, given: unknown[]) =>
    llama.func(name, result as string, given as string[]);
  const quantize: KoffiFunc<(from: string, to: string, params: QuantizeParams) => number> = of(
    "llama_model_quantize",
    "uint32",
    ["str", "str", koffi.pointer(QUANTIZE_PARAMS)],
  );
  return {
    modelDefaults: of("llama_model_default_params", MODEL_PARAMS, []),
    contextDefaults: of("llama_context_default_params", CONTEXT_PARAMS, []),
    quantizeDefaults: of("llama_model_quantize_default_params", QUANTIZE_PARAMS, []),
    loadModel: of("llama_model_load_from_file", "void *", ["str", MODEL_PARAMS]),
    createContext: of("llama_init_from_model", "void *", ["void *", CONTEXT_PARAMS]),
    freeModel: of("llama_model_free", "void", ["void *"]),
    freeContext: of("llama_free", "void", ["void *"]),
    vocabularyOf: of("llama_model_get_vocab", "void *", ["void *"]),
    vocabularySize: of("llama_vocab_n_tokens", "int32", ["void *"]),
    tokenText: of("llama_vocab_get_text", "str", ["void *", "int32"]),
    addsBos: of("llama_vocab_get_add_bos", "bool", ["void *"]),
    bosToken: of("llama_vocab_bos", "int32", ["void *"]),
    tokenize: of("llama_tokenize", "int32", ["void *", "void *", "int32", "void *", "int32", "bool", "bool"]),
    tokenBytes: of("llama_token_to_piece", "int32", ["void *", "int32", "void *", "int32", "int32", "bool"]),
    trainContext: of("llama_model_n_ctx_train", "int32", ["void *"]),
    parameterCount: of("llama_model_n_params", "uint64", ["void *"]),
    weightBytes: of("llama_model_size", "uint64", ["void *"]),
    hasEncoder: of("llama_model_has_encoder", "bool", ["void *"]),
    memoryOf: of("llama_get_memory", "void *", ["void *"]),
    clearMemory: of("llama_memory_clear", "void", ["void *", "bool"]),
    decode: of("llama_decode", "int32", ["void *", BATCH]),
    synchronize: of("llama_synchronize", "void", ["void *"]),
    logitsOf: of("llama_get_logits_ith", "void *", ["void *", "int32"]),
    quantize: promisify<string, string, QuantizeParams, number>(quantize.async),
    onLine(listener) {
      let begun = "";
      const onText = (_level: number, text: string | null) => {
        const lines = (begun + (text ?? "")).split("\n");
        begun = lines.pop() ?? "";
        for (const line of lines) listener(line);
      };
      of("llama_log_set", "void", [LOG, "void *"])(koffi.register(onText, LOG), null);
    },
    floatsAt: (pointer, length) => new Float32Array(koffi.view(pointer, length * Float32Array.BYTES_PER_ELEMENT)),
  };
}

/** Such as `libllama.v0.5.0.so`, `libllama.cuda.v0.5.0.so`, `libllama.dylib` or `llama.dll`. */
function findFile(folder: string, name: string): string {
  const pattern = new RegExp(`^(lib)?${name}(\\.[\\w.]+)?\\.(so|dylib|dll)$`);
  const file = readdirSync(folder).find((each) => pattern.test(each));
  if (file !== undefined) return join(folder, file);
  throw new Error(`llama.cpp's library ${name} is not in ${folder}. Run \`npm ci\` to get node-llama-cpp's programs.`);
}
