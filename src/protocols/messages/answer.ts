import { createHash, randomBytes } from "node:crypto";
import type { GenerationEvent } from "../../generation/event.ts";
import type { Priority } from "../../generation/terms.ts";
import type { TokenCounts } from "../tally.ts";

/** What is known of an answer before it is generated. */
export type Answer = {
  /** `msg_` and 24 hexadecimal digits. */
  readonly id: string;
  /** The model's id, aliases resolved. */
  readonly model: string;
  /** Tokens for prompt and answer together; undefined where the model has not loaded yet. */
  readonly contextTokens: number | undefined;
  /** Whether what the model thinks is sent, or only that it thought. */
  readonly showThinking: boolean;
  readonly priority: Priority;
};

/** What Anthropic calls each priority. */
const TIERS = { interactive: "priority", default: "standard", batch: "batch" } as const satisfies Readonly<
  Record<Priority, string>
>;

export type Finished = Extract<GenerationEvent, { type: "finished" }>;

/** A new answer, with an id of its own. */
export function newAnswer(
  model: string,
  contextTokens: number | undefined,
  showThinking: boolean,
  priority: Priority = "default",
): Answer {
  return { id: `msg_${randomBytes(12).toString("hex")}`, model, contextTokens, showThinking, priority };
}

/** The end of an answer, and what is to be told with it. */
export type End = {
  readonly finished: Finished;
  /** What was taken, as far as that was told. */
  readonly counts: TokenCounts;
  /** Whether the model said why it won't answer. */
  readonly hasRefused: boolean;
};

/** Why the answer ended. A full context has a reason of its own; a limit of the gateway's is `max_tokens` as the request's own is. */
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

/** The message around `content`; a stream begins with one that has neither content nor a reason to have stopped. */
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
 * What the answer took so far. The prompt's tokens are `input_tokens` and `cache_read_input_tokens` together. Keeping a prefix costs
 * nobody anything here, so no token is counted as written to the cache.
 */
export function encodeUsage(counts: TokenCounts, thinkingTokens: number | undefined) {
  return {
    input_tokens: counts.prompt - counts.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: counts.cached,
    output_tokens: counts.completion,
    output_tokens_details: thinkingTokens === undefined ? null : { thinking_tokens: thinkingTokens },
    server_tool_use: null,
  };
}

/**
 * The signature of a thinking block: a digest of it. Clients keep a block with its signature and drop one without. It is not checked when
 * it comes back, because the block may come from another server.
 */
export function signThinking(thinking: string): string {
  return createHash("sha256").update(thinking).digest("base64");
}
