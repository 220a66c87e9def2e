import { InvalidRequestError } from "../errors.ts";

/** Asks for what isn't there. Absent and null values are never asked about. */
type Refusal = {
  readonly param: string;
  readonly accepted: readonly unknown[];
  readonly reason: string;
};

/** The fields of OpenAI's API that this server knows and can't honour, with the values that ask for nothing. */
const REFUSALS: readonly Refusal[] = [
  { param: "prompt", accepted: [], reason: "prompt templates are not available" },
  { param: "prompt_cache_retention", accepted: ["in_memory"], reason: 'only "in_memory" is available' },
  { param: "prompt_cache_options", accepted: [], reason: "the prompt cache can't be steered" },
  { param: "context_management", accepted: [], reason: "the context is not managed by the server" },
  { param: "moderation", accepted: [], reason: "moderation is not available" },
  { param: "text.verbosity", accepted: ["medium"], reason: 'only "medium" is available' },
  { param: "reasoning.summary", accepted: ["auto"], reason: "reasoning is given in full, and never summarized" },
  {
    param: "reasoning.generate_summary",
    accepted: ["auto"],
    reason: "reasoning is given in full, and never summarized",
  },
  {
    param: "stream_options.include_obfuscation",
    accepted: [false],
    reason: "streams are not padded",
  },
];

/** Throws `InvalidRequestError` when `body` asks for something that this server doesn't do, rather than doing without it in silence. */
export function refuseUnsupported(body: unknown): void {
  for (const { param, accepted, reason } of REFUSALS) {
    const value = param.split(".").reduce<unknown>((object, key) => Object(object)[key], body);
    const isEmpty = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!isEmpty && !accepted.includes(value)) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}' as it was sent is not supported here: ${reason}. Leave it out.`,
        param,
        "unsupported_parameter",
      );
    }
  }
}
