import { z } from "zod";
import type { NamedTool, ToolChoice } from "../../generation/wish.ts";
import { missingParameter } from "../errors.ts";
import { isSet, string } from "../fields.ts";
import { MAX_TOOLS } from "./names.ts";

const MAX_WORD_LENGTH = 256;
const word = string(MAX_WORD_LENGTH).min(1);

/** `any` is Mistral's and Anthropic's name for `required`. */
const modes = z.enum(["none", "auto", "required", "any"]);

/** Chat completions nest the name in an object named like the type; the Responses API doesn't nest it. */
const inner = z.object({ name: word }, { error: "an object" }).nullish();
const named = z.object(
  {
    type: word,
    name: word.nullish(),
    namespace: word.nullish(),
    function: inner,
    custom: inner,
    server_label: word.nullish(),
  },
  { error: "an object" },
);
const allowedTools = z.object(
  {
    mode: z.enum(["auto", "required"]),
    tools: z.array(named, { error: "an array of objects" }).min(1).max(MAX_TOOLS),
  },
  { error: "an object" },
);

/** `tool_choice`, in the form of chat completions or the Responses API. */
export const toolChoice = z.union(
  [
    named.extend({
      mode: allowedTools.shape.mode.nullish(),
      tools: allowedTools.shape.tools.nullish(),
      allowed_tools: allowedTools.nullish(),
    }),
    modes,
  ],
  { error: "a string or object" },
);

export type WireToolChoice = z.infer<typeof toolChoice>;
type WireNamed = z.infer<typeof named>;

/** Decodes `tool_choice`. */
export function decodeToolChoice(wire: WireToolChoice): ToolChoice {
  if (typeof wire === "string") return { mode: wire === "any" ? "required" : wire };
  const mode = modes.safeParse(wire.type);
  if (mode.success) return decodeToolChoice(mode.data);
  if (wire.type !== "allowed_tools") return { named: [decodeNamed(wire)], isForced: true, isSingle: true };
  const allowed = wire.allowed_tools ?? { mode: wire.mode ?? "auto", tools: wire.tools };
  if (!isSet(allowed.tools)) throw missingParameter("tool_choice.tools");
  return { named: allowed.tools.map(decodeNamed), isForced: allowed.mode === "required", isSingle: false };
}

function decodeNamed({ type, name, namespace, function: called, custom }: WireNamed): NamedTool {
  const own = called?.name ?? custom?.name ?? name;
  if ((type === "function" || type === "custom" || type === "tool") && !isSet(own))
    throw missingParameter("tool_choice.name");
  return {
    type,
    ...(own !== undefined && own !== null && { name: own }),
    ...(namespace !== undefined && namespace !== null && { namespace }),
  };
}
