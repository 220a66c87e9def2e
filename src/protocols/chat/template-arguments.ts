import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet } from "../fields.ts";

const MAX_ARGUMENTS = 64;

/** What the server itself gives to a template. */
const TAKEN: readonly string[] = [
  "messages",
  "tools",
  "add_generation_prompt",
  "continue_final_message",
  "bos_token",
  "eos_token",
];

/** Templates know three efforts. */
const EFFORTS = { minimal: "low", low: "low", medium: "medium", high: "high", xhigh: "high" } as const;

/** The fields that reach the model's chat template as variables, or say how it is to be used. */
export const templateFields = {
  reasoning_effort: z
    .enum(["none", "minimal", "low", "medium", "high", "xhigh"])
    .nullish()
    .describe("How much to think, told to the model's template; means nothing to models that don't reason."),
  // As vLLM and llama-server have it.
  chat_template_kwargs: z
    .record(z.string(), z.unknown(), { error: "an object" })
    .nullish()
    .describe("More variables for the model's template, such as `enable_thinking`; 64 at most."),
  continue_final_message: boolean()
    .nullish()
    .describe("Goes on with the last message, an assistant's, instead of answering it."),
};

const templateSchema = z.object(templateFields);

/**
 * The template's variables: `reasoning_effort` for the models that know efforts, `enable_thinking` for those that can only think or
 * not, and whatever `chat_template_kwargs` holds, which has the last word. Undefined for none.
 *
 * @throws InvalidRequestError for a variable that is the server's own
 */
export function decodeTemplateArguments({
  reasoning_effort: effort,
  chat_template_kwargs: given,
}: z.infer<typeof templateSchema>): Readonly<Record<string, unknown>> | undefined {
  const names = Object.keys(given ?? {});
  if (names.length > MAX_ARGUMENTS) {
    throw new InvalidRequestError(
      `Invalid 'chat_template_kwargs': too many properties. Expected an object with at most ${MAX_ARGUMENTS} properties, ` +
        `but got an object with ${names.length} properties instead.`,
      "chat_template_kwargs",
      "object_above_max_properties",
    );
  }
  const taken = names.find((name) => TAKEN.includes(name));
  if (taken !== undefined) {
    throw new InvalidRequestError(
      `Invalid 'chat_template_kwargs.${taken}': this variable of the template is made from the request's other fields. Leave it out.`,
      `chat_template_kwargs.${taken}`,
      "invalid_value",
    );
  }
  if (!isSet(effort) && names.length === 0) return undefined;
  return { ...fromEffort(effort), ...given };
}

function fromEffort(effort: keyof typeof EFFORTS | "none" | null | undefined): Record<string, unknown> {
  if (!isSet(effort)) return {};
  return effort === "none" ? { enable_thinking: false } : { enable_thinking: true, reasoning_effort: EFFORTS[effort] };
}
