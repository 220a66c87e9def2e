import { randomUUID } from "node:crypto";
import type { FinishReason } from "../../generation/event.ts";
import type { Priority } from "../../generation/terms.ts";
import { systemFingerprint } from "../fingerprint.ts";
import { encodeServiceTier, type UsedTier } from "../service-tier.ts";
import type { ToolLabel, ToolOffer } from "../tools/offer.ts";

/** What all chunks of an answer, or the whole of it, have in common. */
export type Answer = {
  /** `chatcmpl-` and 29 hexadecimal digits. */
  readonly id: string;
  /** The model's id, aliases resolved. */
  readonly model: string;
  /** Stays the same as long as the same model answers, so that answers of one seed can be compared. */
  readonly systemFingerprint: string;
  readonly createdUnixSeconds: number;
  readonly choices: number;
  /** Whether a call is told in the form of 2023, as `function_call`. */
  readonly tellsFunctionCall: boolean;
  readonly serviceTier: UsedTier;
  /** What the tools are for the client, by the names that the model knows. */
  readonly toolLabels: ToolOffer["labels"];
};

export type AnswerOptions = {
  /** False if absent. */
  readonly tellsFunctionCall?: boolean;
  /** The one that the request has; `default` if absent. */
  readonly priority?: Priority;
  /** Functions only if absent. */
  readonly toolLabels?: ToolOffer["labels"];
};

/** A new answer of `model`, with an id of its own, created now. */
export function newAnswer(
  model: { readonly id: string; readonly createdUnixSeconds: number },
  createdUnixSeconds: number,
  choices: number,
  { tellsFunctionCall = false, priority = "default", toolLabels = new Map() }: AnswerOptions = {},
): Answer {
  return {
    // Node draws the random bytes of many UUIDs at once, and those of `randomBytes` one by one.
    id: `chatcmpl-${randomUUID().replaceAll("-", "").slice(0, 29)}`,
    model: model.id,
    systemFingerprint: systemFingerprint(model),
    createdUnixSeconds,
    choices,
    tellsFunctionCall,
    serviceTier: encodeServiceTier(priority),
    toolLabels,
  };
}

/** What the client knows a call as by whose tool it is. */
export function labelOf(name: string, { toolLabels }: Answer): ToolLabel {
  return toolLabels.get(name) ?? { type: "function", name };
}

/** The reason in OpenAI's words, of this year's or of 2023's form. */
export function encodeReason(reason: FinishReason, { tellsFunctionCall }: Answer): FinishReason | "function_call" {
  return reason === "tool_calls" && tellsFunctionCall ? "function_call" : reason;
}
