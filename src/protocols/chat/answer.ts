import { randomUUID } from "node:crypto";
import type { FinishReason } from "../../generation/event.ts";
import type { Priority } from "../../generation/terms.ts";
import { systemFingerprint } from "../openai-answer.ts";
import { encodeServiceTier, type UsedTier } from "../service-tier.ts";
import type { ToolLabel, ToolOffer } from "../tools/offer.ts";

/** The facts about an answer that its object or all its chunks repeat. */
export type Answer = {
  /** `chatcmpl-` and 29 hexadecimal digits. */
  readonly id: string;
  /** The model's id, aliases resolved. */
  readonly model: string;
  readonly systemFingerprint: string;
  readonly createdUnixSeconds: number;
  readonly choices: number;
  /** Whether a call is encoded in the old form of 2023, as `function_call`. */
  readonly tellsFunctionCall: boolean;
  readonly serviceTier: UsedTier;
  /** The client's names and types of the tools, by the model's names. */
  readonly toolLabels: ToolOffer["labels"];
};

export type AnswerOptions = {
  /** A new one if absent. */
  readonly id?: string;
  /** False if absent. */
  readonly tellsFunctionCall?: boolean;
  /** The request's priority; `default` if absent. */
  readonly priority?: Priority;
  /** If absent, all tools are functions. */
  readonly toolLabels?: ToolOffer["labels"];
};

/** Creates an answer of `model` with a new id. */
export function newAnswer(
  model: { readonly id: string; readonly createdUnixSeconds: number },
  createdUnixSeconds: number,
  choices: number,
  { id = newId(), tellsFunctionCall = false, priority = "default", toolLabels = new Map() }: AnswerOptions = {},
): Answer {
  return {
    id,
    // The target of a route is known with the first event.
    get model() {
      return model.id;
    },
    systemFingerprint: systemFingerprint(model),
    createdUnixSeconds,
    choices,
    tellsFunctionCall,
    serviceTier: encodeServiceTier(priority),
    toolLabels,
  };
}

/** Creates the id of an answer. Random digits are faster than `randomBytes`: Node fetches the random bytes of many UUIDs at once. */
export function newId(digits = randomUUID().replaceAll("-", "")): string {
  return `chatcmpl-${digits.slice(0, 29)}`;
}

/** The client's name and type of the called tool. */
export function labelOf(name: string, { toolLabels }: Answer): ToolLabel {
  return toolLabels.get(name) ?? { type: "function", name };
}

/** OpenAI's finish reason, in the current form or that of 2023. */
export function encodeReason(reason: FinishReason, { tellsFunctionCall }: Answer): FinishReason | "function_call" {
  return reason === "tool_calls" && tellsFunctionCall ? "function_call" : reason;
}
