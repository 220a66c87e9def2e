import type { GenerationRequest, Prompt } from "../generation/request.ts";
import { withDefaults } from "../generation/wish.ts";
import { applyPreset } from "./apply.ts";
import type { Preset } from "./preset.ts";
import { resolveVariables } from "./variables.ts";

/** A request that no client has sent yet. */
export type WarmRequest = Omit<GenerationRequest, "id" | "signal" | "terms">;

/** Requests that prepare a preset before clients use it. */
export type WarmRequests = {
  /** Likely requests, as clients would send them with only the input and the variables. */
  readonly answers: readonly WarmRequest[];
  /** A request that only evaluates the system text and the examples; undefined if there are none or a variable has no value. */
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

/** A request with all variables at their defaults; undefined if one has no default. */
function plainUse(preset: Preset, model: string): WarmRequest | undefined {
  return "fault" in resolveVariables(preset.variables, {}) ? undefined : toRequest(preset, model, { variables: {} });
}

/** Creates the same request as a client would that sends only these values. */
function toRequest(preset: Preset, model: string, { input = "", variables }: Use): WarmRequest {
  const resolved = resolveVariables(preset.variables, variables);
  if ("fault" in resolved) throw new Error(resolved.fault.message);
  const prompt: Prompt = { type: "chat", messages: [{ role: "user", content: input.toWellFormed() }] };
  const { cache = {}, ...wish } = applyPreset(preset, resolved.values, { prompt, sampling: {} });
  return { ...withDefaults(wish), model, cache };
}
