import { z } from "zod";
import type { EmbedderWorkerMessage } from "../embedding-messages.ts";
import { type Parsed, parserOf } from "./worker-messages.ts";

const count = z.int().min(0);

const info = z.object({
  pooling: z.enum(["mean", "cls", "last", "rank"]),
  dimensions: count,
  contextTokens: count,
  vocabularySize: count,
  device: z.string(),
  threads: count,
});

const refusal = z.discriminatedUnion("code", [
  z.object({ code: z.literal("too_long"), tokens: count, contextTokens: count, atLeast: z.boolean() }),
  z.object({ code: z.literal("empty") }),
  z.object({ code: z.literal("unknown_token"), token: count, vocabularySize: count }),
  z.object({ code: z.literal("too_many_dimensions"), modelDimensions: count }),
  z.object({ code: z.literal("not_a_reranker") }),
  z.object({ code: z.literal("only_a_reranker") }),
]);

const message = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info }),
  z.object({ type: z.literal("loadFailed"), reason: z.string() }),
  z.object({ type: z.literal("embedded"), id: count, vector: z.instanceof(Float32Array), tokens: count }),
  z.object({ type: z.literal("refused"), id: count, refusal }),
  z.object({ type: z.literal("cancelled"), id: count }),
  z.object({ type: z.literal("heartbeat"), decodingForMs: z.number().min(0) }),
  z.object({ type: z.literal("log"), level: z.enum(["debug", "info", "warn", "error"]), message: z.string() }),
]);

/** Checks what came over an embedding worker's channel. */
export const parseEmbedderMessage: (value: unknown) => Parsed<EmbedderWorkerMessage> =
  parserOf<EmbedderWorkerMessage>()(message);
