import { always, isNot, type Refusal } from "../refusals.ts";

/**
 * The fields of OpenAI's API that this server knows and can't honour. To support one, take its line away and add it to the schema.
 */
export const REFUSALS: readonly Refusal[] = [
  { param: "audio", asksForIt: always, reason: "audio output is not available" },
  { param: "modalities", asksForIt: (value) => !isTextOnly(value), reason: 'only ["text"] is available' },
  { param: "web_search_options", asksForIt: always, reason: "web search is not available" },
  { param: "moderation", asksForIt: always, reason: "moderation is not available" },
  { param: "verbosity", asksForIt: isNot("medium"), reason: 'only "medium" is available' },
  { param: "prompt_cache_retention", asksForIt: isNot("in_memory"), reason: 'only "in_memory" is available' },
  { param: "prompt_cache_options", asksForIt: always, reason: "the prompt cache can't be steered" },
];

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((modality) => modality === "text");
}
