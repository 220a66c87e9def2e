import type { LocalModel } from "./ensure.ts";

/** What an engine takes beside the model's file and the KV cache, as the catalogue estimates it. */
const ENGINE_BYTES = 256 * 1024 ** 2;

/** What a loaded model takes, as far as its file's header tells. */
export type ModelMemory = {
  /** The file, which the system may drop and read again. */
  readonly fileBytes: number;
  /** What the slots take, for prompts and answers; undefined where the header doesn't tell. */
  readonly slotBytes: number | undefined;
  /** What its process takes beside. */
  readonly processBytes: number;
};

/** An estimate for a model with so many slots of so many tokens. */
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
