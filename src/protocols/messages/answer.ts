import { createHash, randomUUID } from "node:crypto";
import { type Cost, encodeCost } from "../../generation/cost.ts";
import type { GenerationEvent } from "../../generation/event.ts";
import type { Priority } from "../../generation/terms.ts";
import type { TokenCounts } from "../tally.ts";

/** The facts about an answer that are known before it is generated. */
export type Answer = {
  /** `msg_` and 24 hexadecimal digits. */
  readonly id: string;
  /** The model's id, aliases resolved. */
  readonly model: string;
  /** The length of the context in tokens; undefined if the model is not loaded yet. */
  readonly contextTokens: number | undefined;
  /** Whether to show the thinking, or only that there was some. */
  readonly showThinking: boolean;
  readonly priority: Priority;
};

/** Anthropic's name for each priority. */
const TIERS = { interactive: "priority", default: "standard", batch: "batch" } as const satisfies Readonly<
  Record<Priority, string>
>;

export type Finished = Extract<GenerationEvent, { type: "finished" }>;

/** Creates an answer with a new id. */
export function newAnswer(
  model: string,
  contextTokens: number | undefined,
  showThinking: boolean,
  priority: Priority = "default",
  id = newId(),
): Answer {
  return { id, model, contextTokens, showThinking, priority };
}

/** Creates the id of an answer, with random digits if none are given. */
export function newId(digits = randomUUID().replaceAll("-", "")): string {
  return `msg_${digits.slice(0, 24)}`;
}

/** The end of an answer, and the facts reported with it. */
export type End = {
  readonly finished: Finished;
  /** The tokens used, as far as reported. */
  readonly counts: TokenCounts;
  /** Whether the model refused to answer. */
  readonly hasRefused: boolean;
};

/** Encodes why the answer ended. A full context has its own reason. Limits of the request and of the gateway are both `max_tokens`. */
export function encodeStop(
  { finished: { reason, stopString }, counts, hasRefused }: End,
  { contextTokens = Number.POSITIVE_INFINITY }: Answer,
) {
  if (hasRefused) return { stop_reason: "refusal", stop_sequence: null };
  switch (reason) {
    case "stop":
      return stopString === undefined
        ? { stop_reason: "end_turn", stop_sequence: null }
        : { stop_reason: "stop_sequence", stop_sequence: stopString };
    case "length":
      return {
        stop_reason: counts.prompt + counts.completion < contextTokens ? "max_tokens" : "model_context_window_exceeded",
        stop_sequence: null,
      };
    case "tool_calls":
      return { stop_reason: "tool_use", stop_sequence: null };
    case "content_filter":
      return { stop_reason: "refusal", stop_sequence: null };
  }
}

/** Encodes the message around `content`. A stream begins with a message without content and stop reason. */
export function encodeMessage(
  answer: Answer,
  content: readonly unknown[],
  stop: { readonly stop_reason: string | null; readonly stop_sequence: string | null },
  usage: ReturnType<typeof encodeUsage>,
) {
  return {
    id: answer.id,
    type: "message",
    role: "assistant",
    model: answer.model,
    content,
    ...stop,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      ...usage,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      inference_geo: null,
      service_tier: TIERS[answer.priority],
      speed: "standard",
    },
  };
}

/**
 * Encodes the usage so far. The prompt's tokens are the sum of `input_tokens` and `cache_read_input_tokens`. Caching a prefix is free here,
 * so no tokens count as written to the cache.
 */
export function encodeUsage(counts: TokenCounts, thinkingTokens: number | undefined, cost?: Cost) {
  return {
    input_tokens: counts.prompt - counts.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: counts.cached,
    output_tokens: counts.completion,
    output_tokens_details: thinkingTokens === undefined ? null : { thinking_tokens: thinkingTokens },
    server_tool_use: null,
    ...encodeCost(cost),
  };
}

/**
 * Signs a thinking block with a digest, because clients drop blocks without a signature. Signatures in requests are not checked: the block
 * may come from another server.
 */
export function signThinking(thinking: string): string {
  return createHash("sha256").update(thinking).digest("base64");
}
