import type { Backend } from "../generation/backend.ts";
import { NotSupportedByModelError } from "../generation/errors.ts";
import type { GenerationRequest, Prompt } from "../generation/request.ts";
import { NEEDS, type Need } from "./policy.ts";

/** What the request needs of its model beyond text. */
export function needsOf({ tools, output, logprobs, promptLogprobs, prompt }: GenerationRequest): readonly Need[] {
  const isNeeded: Readonly<Record<Need, boolean>> = {
    tools: tools !== undefined && tools.choice !== "none",
    schemas: output !== undefined,
    logprobs: (logprobs ?? promptLogprobs) !== undefined,
    images: asksAboutImages(prompt),
  };
  return NEEDS.filter((need) => isNeeded[need]);
}

/** Whether images came with the newest question. For others, a model that reads none gets notes in their place. */
function asksAboutImages(prompt: Prompt): boolean {
  if (prompt.type !== "chat") return false;
  const newest = prompt.messages.findLastIndex(({ role }) => role === "user");
  return (prompt.messages[newest]?.parts ?? []).some(({ type }) => type === "image");
}

/** Throws `NotSupportedByModelError` for a feature that the model doesn't have. */
export function assertAble({ id, can }: Pick<Backend, "id" | "can">, request: GenerationRequest): void {
  const lacking = needsOf(request).find((need) => !can[need]);
  if (lacking !== undefined) throw new NotSupportedByModelError(id, lacking);
}
