import type { Sampling } from "../generation/request.ts";
import type { Wish } from "../generation/wish.ts";
import { cacheWish } from "./cache-wish.ts";
import { composePrompt, type Values } from "./compose.ts";
import type { Preset } from "./preset.ts";
import { type PresetSampling, SAMPLING_NAMES } from "./schema.ts";

/**
 * Fills the gaps of a wish from a preset, and puts the conversation into the preset's prompt.
 *
 * @param values the values of the preset's variables, as text
 */
export function applyPreset(preset: Preset, values: Values, wish: Wish): Wish {
  const { prompt, maxTokens = preset.maxTokens, stop = stopOf(preset), tools = preset.tools } = wish;
  const { maxTokensLimit } = preset;
  return {
    ...wish,
    prompt: prompt.type === "chat" ? composePrompt(preset, values, prompt) : prompt,
    sampling: { ...samplingOf(preset.sampling), ...wish.sampling },
    ...(maxTokens !== undefined && { maxTokens }),
    ...(maxTokensLimit !== undefined && { maxTokensLimit }),
    ...(stop !== undefined && { stop }),
    ...(wish.output === undefined && outputOf(preset)),
    ...((wish.tools !== undefined || tools.length > 0) && { tools }),
    ...(preset.cascade !== undefined && { cascade: preset.cascade }),
    cache: cacheWish(preset, wish),
  };
}

function samplingOf(sampling: PresetSampling): Partial<Sampling> {
  const said = Object.entries(SAMPLING_NAMES).flatMap(([field, name]) => {
    const value = name === null ? undefined : sampling[name];
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(said);
}

function stopOf({ sampling: { stop } }: Preset): readonly string[] | undefined {
  return stop === undefined ? undefined : [stop].flat();
}

function outputOf({ id, description, responseSchema: schema }: Preset): Pick<Wish, "output" | "outputName"> {
  return schema === undefined ? {} : { output: { type: "schema", schema }, outputName: { name: id, description } };
}
