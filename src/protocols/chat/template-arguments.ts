import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet, mapOf } from "../fields.ts";

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
const EFFORTS = { minimal: "low", low: "low", medium: "medium", high: "high", xhigh: "high", max: "high" } as const;

const effort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]);

/** The fields that reach the model's chat template as variables, or say how it is to be used. */
export const templateFields = {
  reasoning_effort: effort
    .nullish()
    .describe("How much to think, told to the model's template; means nothing to models that don't reason."),
  // As vLLM and llama-server have it.
  chat_template_kwargs: mapOf(z.unknown(), MAX_ARGUMENTS)
    .nullish()
    .describe("More variables for the model's template, such as `enable_thinking`; 64 at most."),
  continue_final_message: boolean()
    .nullish()
    .describe("Goes on with the last message, an assistant's, instead of answering it."),
  add_generation_prompt: boolean()
    .nullish()
    .describe("With `false`, what leads into the answer is left out of the prompt."),
  enable_thinking: boolean().nullish().describe("Whether to think, told to the model's template."),
  think: z
    .union([boolean(), effort], { error: "a boolean or string" })
    .nullish()
    .describe("Ollama's: whether to think, or how much."),
  thinking: z
    .union([boolean(), z.object({ type: z.enum(["enabled", "disabled", "adaptive", "auto"]) })], {
      error: "a boolean or object",
    })
    .nullish()
    .describe("Whether to think, as Anthropic and those who follow it say it."),
  reasoning: z
    .object(
      {
        effort: effort.nullish().describe("As `reasoning_effort`."),
        enabled: boolean().nullish().describe("As `enable_thinking`."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("How much to think, as the Responses API says it."),
};

const templateSchema = z.object(templateFields);
type WireTemplate = z.infer<typeof templateSchema>;

/**
 * The template's variables: `reasoning_effort` for the models that know efforts, `enable_thinking` for those that can only think or
 * not, and whatever `chat_template_kwargs` holds, which has the last word. Undefined for none.
 *
 * @throws InvalidRequestError for a variable that is the server's own
 */
export function decodeTemplateArguments(wire: WireTemplate): Readonly<Record<string, unknown>> | undefined {
  const { chat_template_kwargs: given } = wire;
  const names = Object.keys(given ?? {});
  const taken = names.find((name) => TAKEN.includes(name));
  if (taken !== undefined) {
    throw new InvalidRequestError(
      `Invalid 'chat_template_kwargs.${taken}': this variable of the template is made from the request's other fields. Leave it out.`,
      `chat_template_kwargs.${taken}`,
      "invalid_value",
    );
  }
  const all = { ...fromEffort(wire), ...fromSwitch(wire), ...given };
  return Object.keys(all).length === 0 ? undefined : all;
}

function fromEffort({ reasoning_effort, reasoning, think }: WireTemplate): Record<string, unknown> {
  const wanted = reasoning_effort ?? reasoning?.effort ?? (typeof think === "string" ? think : undefined);
  if (!isSet(wanted)) return {};
  return wanted === "none" ? { enable_thinking: false } : { enable_thinking: true, reasoning_effort: EFFORTS[wanted] };
}

function fromSwitch({ enable_thinking, think, thinking, reasoning }: WireTemplate): Record<string, unknown> {
  const mode = typeof thinking === "boolean" ? thinking : isThinking(thinking?.type);
  const wanted = enable_thinking ?? (typeof think === "boolean" ? think : undefined) ?? mode ?? reasoning?.enabled;
  return isSet(wanted) ? { enable_thinking: wanted } : {};
}

/** Undefined where the model is to decide. */
function isThinking(type: "enabled" | "disabled" | "adaptive" | "auto" | undefined): boolean | undefined {
  if (type === undefined || type === "auto") return undefined;
  return type !== "disabled";
}
