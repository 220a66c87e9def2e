import type { Sampling } from "../../generation/request.ts";
import { PLAIN_SAMPLING } from "../../generation/sampling.ts";
import { InvalidRequestError } from "../errors.ts";

/** llama-server's defaults. */
export const SAMPLING_DEFAULTS: Partial<Sampling> = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 };

/** The fields of each sampler. */
const FIELDS: ReadonlyMap<string, readonly (keyof Sampling)[]> = new Map([
  ["penalties", ["repeatPenalty", "presencePenalty", "frequencyPenalty"]],
  ["top_k", ["topK"]],
  ["top_p", ["topP"]],
  ["min_p", ["minP"]],
  ["xtc", ["xtcProbability"]],
  ["temperature", ["temperature"]],
]);

const LETTERS: ReadonlyMap<string, string> = new Map([
  ["e", "penalties"],
  ["k", "top_k"],
  ["p", "top_p"],
  ["m", "min_p"],
  ["x", "xtc"],
  ["t", "temperature"],
]);

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["top-k", "top_k"],
  ["top-p", "top_p"],
  ["nucleus", "top_p"],
  ["min-p", "min_p"],
  ["temp", "temperature"],
]);

/** The fixed order of the samplers, which is llama-server's default. */
export const SAMPLER_ORDER: readonly string[] = [...FIELDS.keys()];

/**
 * Turns off the samplers that are not in `samplers`, as llama-server does. Unknown names are ignored: their samplers are unavailable and
 * refused elsewhere if they are on. Throws `InvalidRequestError` if the temperature comes before a sampler whose result it would change.
 *
 * @param samplers names, or a string of letters
 */
export function keepSamplers(said: Partial<Sampling>, samplers: string | readonly string[]): Partial<Sampling> {
  const named =
    typeof samplers === "string"
      ? [...samplers].map((letter) => LETTERS.get(letter) ?? letter)
      : samplers.map((name) => OTHER_NAMES.get(name) ?? name);
  const off = [...FIELDS].filter(([name]) => !named.includes(name)).flatMap(([, fields]) => fields);
  const kept: Partial<Sampling> = {
    ...said,
    ...Object.fromEntries(off.map((field) => [field, PLAIN_SAMPLING[field]])),
  };
  refuseHeatedOrder(kept, named);
  return kept;
}

function refuseHeatedOrder(
  { temperature = 1, topP = 1, minP = 0, xtcProbability = 0 }: Partial<Sampling>,
  named: readonly string[],
): void {
  if (temperature <= 0 || temperature === 1) return;
  const after = named.slice(named.indexOf("temperature") + 1);
  const isOn: Readonly<Record<string, boolean>> = { top_p: topP < 1, min_p: minP > 0, xtc: xtcProbability > 0 };
  const changed = after.find((name) => isOn[name] === true);
  if (changed === undefined) return;
  throw new InvalidRequestError(
    `Unsupported value: 'samplers' has 'temperature' before '${changed}', but here the temperature always comes last. ` +
      "Put it last, or leave one of the two out.",
    "samplers",
    "unsupported_value",
  );
}
