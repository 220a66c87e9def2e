import { type Cost, encodeCost } from "../../generation/cost.ts";
import type { Priority } from "../../generation/terms.ts";
import type { Metadata } from "../metadata.ts";
import { encodeServiceTier, type UsedTier } from "../service-tier.ts";
import type { TokenCounts } from "../tally.ts";
import type { ToolOffer } from "../tools/offer.ts";
import { newId } from "./ids.ts";
import type { OutputItem } from "./items.ts";
import type { ShownChoice, ShownTool } from "./tools.ts";

/** The request's settings, with defaults, as its response repeats them. */
export type ResponseSettings = {
  readonly background: boolean;
  readonly conversation: { readonly id: string } | null;
  readonly instructions: string | null;
  readonly frequency_penalty: number;
  readonly max_output_tokens: number | null;
  readonly max_tool_calls: number | null;
  readonly metadata: Metadata;
  readonly parallel_tool_calls: boolean;
  readonly previous_response_id: string | null;
  readonly prompt: {
    readonly id: string;
    readonly version: string | null;
    readonly variables: Readonly<Record<string, string>> | null;
  } | null;
  readonly presence_penalty: number;
  readonly prompt_cache_key: string | null;
  readonly prompt_cache_retention: "in_memory" | "24h" | null;
  readonly reasoning: { readonly effort: string | null; readonly summary: string | null };
  readonly safety_identifier: string | null;
  readonly store: boolean;
  readonly temperature: number;
  readonly text: { readonly format: unknown; readonly verbosity: "low" | "medium" | "high" };
  readonly tool_choice: ShownChoice;
  readonly tools: readonly ShownTool[];
  readonly top_logprobs: number;
  readonly top_p: number;
  readonly truncation: "auto" | "disabled";
  readonly user: string | null;
};

export type ResponseStatus = "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";

export type ResponseError = {
  readonly code: "server_error" | "rate_limit_exceeded" | "invalid_prompt";
  readonly message: string;
};

export type ResponseUsage = {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number; readonly cache_write_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
} & ReturnType<typeof encodeCost>;

/** OpenAI's `usage` of responses. Cache writes are free here, so none are counted. */
export function encodeResponseUsage(
  { prompt, cached, completion, reasoning }: TokenCounts,
  cost?: Cost,
): ResponseUsage {
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: prompt + completion,
    ...encodeCost(cost),
  };
}

/** The parts of a response that never change. */
export type ResponseHead = {
  readonly id: string;
  readonly createdMs: number;
  /** The model's id, aliases resolved. */
  readonly model: string;
  readonly settings: ResponseSettings;
  readonly serviceTier: UsedTier;
  /** The client's names and types of the tools, by the model's names. */
  readonly toolLabels: ToolOffer["labels"];
  /** The digits of the next item's id; random ones if absent. */
  readonly digits?: (() => string) | undefined;
};

/** The parts of a response that change while it runs. */
export type ResponseProgress = {
  readonly status: ResponseStatus;
  readonly completedMs: number | null;
  readonly output: readonly OutputItem[];
  readonly error: ResponseError | null;
  readonly incomplete: "max_output_tokens" | "content_filter" | null;
  readonly usage: ResponseUsage | null;
};

/** Creates the head of a new response, with a new id. */
export function newResponse(
  model: string,
  settings: ResponseSettings,
  nowMs: number,
  priority: Priority = "default",
  toolLabels: ToolOffer["labels"] = new Map(),
): ResponseHead {
  return { id: newId("resp"), createdMs: nowMs, model, settings, serviceTier: encodeServiceTier(priority), toolLabels };
}

/** Encodes OpenAI's `response` object. */
export function encodeResponse(head: ResponseHead, progress: ResponseProgress) {
  return {
    id: head.id,
    object: "response",
    created_at: Math.floor(head.createdMs / 1000),
    status: progress.status,
    completed_at: progress.completedMs === null ? null : Math.floor(progress.completedMs / 1000),
    error: progress.error,
    incomplete_details: progress.incomplete === null ? null : { reason: progress.incomplete },
    model: head.model,
    output: progress.output,
    usage: progress.usage,
    ...head.settings,
    service_tier: head.serviceTier,
  };
}

export type WireResponse = ReturnType<typeof encodeResponse>;
