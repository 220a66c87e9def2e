import { InvalidRequestError } from "../errors.ts";

/** A field that is known and can't be honoured, at least not with every value. */
export type Refusal = {
  readonly param: string;
  /** Whether this value asks for what isn't there. Absent and null fields are never asked about. */
  readonly asksForIt: (value: unknown) => boolean;
  readonly reason: string;
};

const always = () => true;
const isNot =
  (...accepted: readonly unknown[]) =>
  (value: unknown) =>
    !accepted.includes(value);

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
}

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((modality) => modality === "text");
}
