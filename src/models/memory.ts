import type { LocalModel } from "./ensure.ts";

/** An engine's memory besides the model's file and the KV cache, as the catalogue estimates it. */
const ENGINE_BYTES = 256 * 1024 ** 2;

/** The estimated memory of a loaded model, from its file's header. */
export type ModelMemory = {
  /** The file, which the system may drop and read again. */
  readonly fileBytes: number;
  /** The KV cache of all slots; undefined if the header doesn't tell. */
  readonly slotBytes: number | undefined;
  /** The other memory of its process. */
  readonly processBytes: number;
};

/** Estimates the memory of a model with these slots and this context. */
export function estimateModelMemory(
  { gguf, sizeBytes }: Pick<LocalModel, "gguf" | "sizeBytes">,
  { slots, contextTokens }: { readonly slots: number; readonly contextTokens: number },
): ModelMemory {
  return {
    fileBytes: sizeBytes,
    slotBytes: gguf.kvBytesPerToken === undefined ? undefined : gguf.kvBytesPerToken * slots * contextTokens,
    processBytes: ENGINE_BYTES,
  };
}
