import type { GenerationRequest, Prompt } from "../generation/request.ts";
import { withDefaults } from "../generation/wish.ts";
import { applyPreset } from "./apply.ts";
import type { Preset } from "./preset.ts";
import { resolveVariables } from "./variables.ts";

/** A request that nobody has sent yet. */
export type WarmRequest = Omit<GenerationRequest, "id" | "signal" | "terms">;

/** What can be done before anybody asks a preset. */
export type WarmRequests = {
  /** The requests that are likely to come, each as a client's that says nothing but the input and the variables. */
  readonly answers: readonly WarmRequest[];
  /** One that only has the system text and the examples evaluated; undefined where there are none, or where nobody knows the variables. */
  readonly prefix: WarmRequest | undefined;
};

type Use = Preset["warm"][number];

/** @param model the id of the model that answers */
export function warmRequests(preset: Preset, model: string): WarmRequests {
  const likely = preset.warm.map((use) => toRequest(preset, model, use));
  const first = likely[0] ?? plainUse(preset, model);
  const hasPrefix = preset.system !== undefined || preset.examples.length > 0;
  return {
    answers: likely,
    prefix:
      hasPrefix && first !== undefined ? { ...first, choices: 1, maxTokens: 1, cache: { noStore: true } } : undefined,
  };
}

/** A use with every variable at its default; undefined where one has none. */
function plainUse(preset: Preset, model: string): WarmRequest | undefined {
  return "fault" in resolveVariables(preset.variables, {}) ? undefined : toRequest(preset, model, { variables: {} });
}

/** The same request in the end as that of a client that says nothing else. */
function toRequest(preset: Preset, model: string, { input = "", variables }: Use): WarmRequest {
  const resolved = resolveVariables(preset.variables, variables);
  if ("fault" in resolved) throw new Error(resolved.fault.message);
  const prompt: Prompt = { type: "chat", messages: [{ role: "user", content: input.toWellFormed() }] };
  const { cache = {}, ...wish } = applyPreset(preset, resolved.values, { prompt, sampling: {} });
  return { ...withDefaults(wish), model, cache };
}
