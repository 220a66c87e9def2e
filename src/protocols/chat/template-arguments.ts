import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { boolean, isSet, mapOf } from "../fields.ts";

const MAX_ARGUMENTS = 64;

/** Template variables that the server sets itself. */
const TAKEN: readonly string[] = [
  "messages",
  "tools",
  "add_generation_prompt",
  "continue_final_message",
  "bos_token",
  "eos_token",
];

/** Templates know three efforts only. */
const EFFORTS = { minimal: "low", low: "low", medium: "medium", high: "high", xhigh: "high", max: "high" } as const;

const effort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]);

/** The fields for the model's chat template: its variables, and how it is used. */
export const templateFields = {
  reasoning_effort: effort
    .nullish()
    .describe("How much to think; passed to the model's chat template. Only for models that reason."),
  // As in vLLM and llama-server.
  chat_template_kwargs: mapOf(z.unknown(), MAX_ARGUMENTS)
    .nullish()
    .describe("Extra variables for the model's chat template, such as `enable_thinking`; at most 64."),
  continue_final_message: boolean()
    .nullish()
    .describe("Whether to continue the last message, which must be an assistant message, instead of answering it."),
  add_generation_prompt: boolean()
    .nullish()
    .describe("`false` leaves the start of the assistant's turn out of the prompt."),
  enable_thinking: boolean().nullish().describe("Whether to think; passed to the model's chat template."),
  think: z
    .union([boolean(), effort], { error: "a boolean or string" })
    .nullish()
    .describe("Whether to think, or how much, in Ollama's form."),
  thinking: z
    .union([boolean(), z.object({ type: z.enum(["enabled", "disabled", "adaptive", "auto"]) })], {
      error: "a boolean or object",
    })
    .nullish()
    .describe("Whether to think, in Anthropic's form."),
  reasoning: z
    .object(
      {
        effort: effort.nullish().describe("As `reasoning_effort`."),
        enabled: boolean().nullish().describe("As `enable_thinking`."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("How much to think, in the Responses API's form."),
};

const templateSchema = z.object(templateFields);
type WireTemplate = z.infer<typeof templateSchema>;

/**
 * Decodes the template's variables: `reasoning_effort` for models with efforts, `enable_thinking` for models that can only turn thinking
 * on or off, and those of `chat_template_kwargs`, which override the others. Undefined if there are none.
 *
 * @throws InvalidRequestError for a variable that the server sets itself
 */
export function decodeTemplateArguments(wire: WireTemplate): Readonly<Record<string, unknown>> | undefined {
  const { chat_template_kwargs: given } = wire;
  const names = Object.keys(given ?? {});
  const taken = names.find((name) => TAKEN.includes(name));
  if (taken !== undefined) {
    throw new InvalidRequestError(
      `Invalid 'chat_template_kwargs.${taken}': the server sets this template variable from the request's other fields. Leave it out.`,
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

/** Undefined if the model decides. */
function isThinking(type: "enabled" | "disabled" | "adaptive" | "auto" | undefined): boolean | undefined {
  if (type === undefined || type === "auto") return undefined;
  return type !== "disabled";
}
