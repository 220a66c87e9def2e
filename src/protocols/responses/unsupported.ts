import { InvalidRequestError } from "../errors.ts";

/** A field that is known and can't be honoured, at least not with every value. */
export type Refusal = {
  /** Its path, such as `text.verbosity`. */
  readonly param: string;
  /** Whether this value asks for what isn't there. Absent, null and empty fields are never asked about. */
  readonly asksForIt: (value: unknown) => boolean;
  readonly reason: string;
};

const always = () => true;
const isNot = (harmless: unknown) => (value: unknown) => value !== harmless;

/** The fields of OpenAI's API that this server knows and can't honour, at least not with every value. */
export const REFUSALS: readonly Refusal[] = [
  { param: "prompt_cache_retention", asksForIt: isNot("in_memory"), reason: 'only "in_memory" is available' },
  { param: "prompt_cache_options", asksForIt: always, reason: "the prompt cache can't be steered" },
  { param: "context_management", asksForIt: always, reason: "the context is not managed by the server" },
  { param: "moderation", asksForIt: always, reason: "moderation is not available" },
  { param: "text.verbosity", asksForIt: isNot("medium"), reason: 'only "medium" is available' },
  { param: "reasoning.summary", asksForIt: isNot("auto"), reason: "reasoning is given in full, and never summarized" },
  {
    param: "reasoning.generate_summary",
    asksForIt: isNot("auto"),
    reason: "reasoning is given in full, and never summarized",
  },
  {
    param: "stream_options.include_obfuscation",
    asksForIt: isNot(false),
    reason: "streams are not padded",
  },
];

/** Throws `InvalidRequestError` when `body` asks for something that this server doesn't do, rather than doing without it in silence. */
export function refuseUnsupported(body: unknown): void {
  for (const { param, asksForIt, reason } of REFUSALS) {
    const value = param.split(".").reduce<unknown>((object, key) => Object(object)[key], body);
    const isEmpty = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!isEmpty && asksForIt(value)) {
      throw new InvalidRequestError(
        `Unsupported parameter: '${param}' as it was sent is not supported here: ${reason}. Leave it out.`,
        param,
        "unsupported_parameter",
      );
    }
  }
}
