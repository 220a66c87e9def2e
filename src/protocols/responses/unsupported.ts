import { always, isNot, type Refusal } from "../refusals.ts";

const NO_SUMMARIES = "reasoning is given in full, and never summarized";

const ABOUT_CACHE: readonly Refusal[] = [
  { param: "prompt_cache_retention", asksForIt: isNot("in_memory"), reason: 'only "in_memory" is available' },
  { param: "prompt_cache_options", asksForIt: always, reason: "the prompt cache can't be steered" },
];

/** The fields of OpenAI's API that this server knows and can't honour, at least not with every value. */
export const REFUSALS: readonly Refusal[] = [
  ...ABOUT_CACHE,
  { param: "context_management", asksForIt: always, reason: "the context is not managed by the server" },
  { param: "moderation", asksForIt: always, reason: "moderation is not available" },
  { param: "text.verbosity", asksForIt: isNot("medium"), reason: 'only "medium" is available' },
  { param: "reasoning.summary", asksForIt: isNot("auto"), reason: NO_SUMMARIES },
  { param: "reasoning.generate_summary", asksForIt: isNot("auto"), reason: NO_SUMMARIES },
  { param: "stream_options.include_obfuscation", asksForIt: isNot(false), reason: "streams are not padded" },
];

/** The same of `POST /v1/responses/compact`. */
export const COMPACT_REFUSALS = ABOUT_CACHE;
