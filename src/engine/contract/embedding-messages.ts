import { z } from "zod";
import type { EmbeddingItem } from "../../generation/embedding.ts";
import type { EngineOptions } from "./messages.ts";
import { count, heartbeat, loadFailed, logged, type MessageOf, parserOf } from "./parse.ts";

/** What the embedding worker loads. Sent once, as its first message. */
export type EmbedderOptions = Pick<
  EngineOptions,
  "modelPath" | "adapterPath" | "contextTokens" | "threads" | "gpu" | "flashAttention"
>;

export type EmbedderHostMessage =
  | { readonly type: "load"; readonly options: EmbedderOptions }
  /** Answered by one `embedded`, `refused` or `cancelled`. */
  | { readonly type: "embed"; readonly id: number; readonly item: EmbeddingItem }
  | { readonly type: "cancel"; readonly id: number };

const info = z.object({
  /** How the tokens' vectors are combined into one. */
  pooling: z.enum(["mean", "cls", "last", "rank"]),
  /** The length of a vector. */
  dimensions: count,
  /** The most tokens of an item. */
  contextTokens: count,
  vocabularySize: count,
  /** The device that runs the layers: `cpu`, `cuda`, `vulkan` or `metal`. */
  device: z.string(),
  threads: count,
});

/** What the embedding worker reports about the loaded model. */
export type EmbedderInfo = MessageOf<typeof info>;

const refusal = z.discriminatedUnion("code", [
  z.object({ code: z.literal("too_long"), tokens: count, contextTokens: count, atLeast: z.boolean() }),
  z.object({ code: z.literal("empty") }),
  z.object({ code: z.literal("unknown_token"), token: count, vocabularySize: count }),
]);

/** Why an item was refused. */
export type ItemRefusal = MessageOf<typeof refusal>;

const vector: z.ZodType<Float32Array> = z.instanceof(Float32Array);

const message = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info }),
  loadFailed,
  z.object({ type: z.literal("embedded"), id: count, vector, tokens: count }),
  z.object({ type: z.literal("refused"), id: count, refusal }),
  z.object({ type: z.literal("cancelled"), id: count }),
  heartbeat,
  logged,
]);

export type EmbedderWorkerMessage = MessageOf<typeof message>;

/** Checks a message from an embedding worker. */
export const parseEmbedderMessage = parserOf(message);
