import type { EmbeddingItem, EmbeddingRefusal } from "../generation/embedding.ts";
import type { EngineOptions } from "./messages.ts";

/** How one vector is made of the tokens' vectors. */
export type Pooling = "mean" | "cls" | "last" | "rank";

/** What the embedding worker loads. Sent once, as its first message. */
export type EmbedderOptions = Pick<EngineOptions, "modelPath" | "contextTokens" | "threads" | "gpu" | "flashAttention">;

/** What the embedding worker found when it had loaded. */
export type EmbedderInfo = {
  readonly pooling: Pooling;
  /** Numbers in a vector. */
  readonly dimensions: number;
  /** Tokens of an item, at most. */
  readonly contextTokens: number;
  readonly vocabularySize: number;
  /** The device that took the layers: `cpu`, `cuda`, `vulkan` or `metal`. */
  readonly device: string;
  readonly threads: number;
};

export type EmbedderHostMessage =
  | { readonly type: "load"; readonly options: EmbedderOptions }
  /** Answered by one `embedded`, `refused` or `cancelled`. */
  | { readonly type: "embed"; readonly id: number; readonly item: EmbeddingItem }
  | { readonly type: "cancel"; readonly id: number };

export type EmbedderWorkerMessage =
  | { readonly type: "loaded"; readonly info: EmbedderInfo }
  /** The model can't be loaded; the worker exits by itself after this. The reason has no full stop at its end. */
  | { readonly type: "loadFailed"; readonly reason: string }
  | { readonly type: "embedded"; readonly id: number; readonly vector: Float32Array; readonly tokens: number }
  | { readonly type: "refused"; readonly id: number; readonly refusal: EmbeddingRefusal }
  | { readonly type: "cancelled"; readonly id: number }
  /** Twice a second. `decodingForMs` is how long the native call in progress has taken, 0 when there is none. */
  | { readonly type: "heartbeat"; readonly decodingForMs: number }
  | { readonly type: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string };
