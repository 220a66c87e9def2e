import { InvalidRequestError } from "../errors.ts";

/** A field that is known and can't be honoured, at least not with every value. */
export type Refusal = {
  readonly param: string;
  /** Whether this value asks for what isn't there. Absent and null fields are never asked about. */
  readonly asksForIt: (value: unknown) => boolean;
  readonly reason: string;
};

const always = () => true;
const isFilled = (value: unknown) => !(Array.isArray(value) && value.length === 0);
const isNot =
  (...accepted: readonly unknown[]) =>
  (value: unknown) =>
    !accepted.includes(value);

/**
 * The fields of OpenAI's API that this server knows and can't honour. To support one, take its line away and add it to the schema.
 */
export const REFUSALS: readonly Refusal[] = [
  { param: "tools", asksForIt: isFilled, reason: "tool calls are not available" },
  { param: "tool_choice", asksForIt: isNot("none", "auto"), reason: "tool calls are not available" },
  { param: "functions", asksForIt: isFilled, reason: "function calls are not available" },
  { param: "function_call", asksForIt: isNot("none", "auto"), reason: "function calls are not available" },
  {
    param: "response_format",
    asksForIt: (value) => !isTextFormat(value),
    reason: 'only {"type": "text"} is available',
  },
  { param: "logprobs", asksForIt: isNot(false), reason: "log probabilities are not available" },
  { param: "top_logprobs", asksForIt: isNot(0), reason: "log probabilities are not available" },
  { param: "audio", asksForIt: always, reason: "audio output is not available" },
  { param: "modalities", asksForIt: (value) => !isTextOnly(value), reason: 'only ["text"] is available' },
  { param: "store", asksForIt: isNot(false), reason: "completions are not stored" },
  { param: "prediction", asksForIt: always, reason: "predicted outputs are not available" },
  { param: "web_search_options", asksForIt: always, reason: "web search is not available" },
  { param: "moderation", asksForIt: always, reason: "moderation is not available" },
  { param: "service_tier", asksForIt: isNot("auto", "default"), reason: 'only "auto" and "default" are available' },
  { param: "reasoning_effort", asksForIt: isNot("none"), reason: "the effort of reasoning can't be set" },
  { param: "verbosity", asksForIt: isNot("medium"), reason: 'only "medium" is available' },
  { param: "prompt_cache_retention", asksForIt: isNot("in_memory"), reason: 'only "in_memory" is available' },
  { param: "prompt_cache_options", asksForIt: always, reason: "the prompt cache can't be steered" },
];

/** Throws `InvalidRequestError` when `body` asks for something that this server doesn't do, rather than doing without it in silence. */
export function refuseUnsupported(body: Readonly<Record<string, unknown>>): void {
  for (const { param, asksForIt, reason } of REFUSALS) {
    const value = body[param];
    if (value !== undefined && value !== null && asksForIt(value)) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}' as it was sent is not supported here: ${reason}. Leave it out.`,
        param,
        "unsupported_parameter",
      );
    }
  }
  const options = body.stream_options;
  if (typeof options === "object" && options !== null && "include_obfuscation" in options) {
    if (options.include_obfuscation === true) {
      throw new InvalidRequestError(
        "Unsupported value: 'stream_options.include_obfuscation' can only be false here: streams are not padded.",
        "stream_options.include_obfuscation",
        "unsupported_value",
      );
    }
  }
}

function isTextFormat(value: unknown): boolean {
  return typeof value === "object" && value !== null && "type" in value && value.type === "text";
}

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((modality) => modality === "text");
}
