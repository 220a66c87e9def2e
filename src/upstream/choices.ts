import type { GenerationRequest } from "../generation/request.ts";
import type { Api, Target, WrittenRequest } from "./api.ts";

/**
 * A request as the server gets it: once for each choice if the server gives only one at a time. With one seed these would all be the same, so each
 * gets its own. Throws `UnsupportedFieldError` for what the API has no words for.
 */
export function writeChoices(api: Api, request: GenerationRequest, target: Target): readonly WrittenRequest[] {
  if (request.choices === 1 || api.hasChoices) return [api.write(request, target)];
  return Array.from({ length: request.choices }, (_, choice) => api.write(choiceOf(request, choice), target));
}

/** The largest uint32 asks llama.cpp for any seed. */
const MAX_SEED = 2 ** 32 - 1;

function choiceOf(request: GenerationRequest, choice: number): GenerationRequest {
  const { sampling, said } = request;
  if (sampling.seed === undefined) return { ...request, choices: 1 };
  const seed = (sampling.seed + choice) % MAX_SEED;
  return {
    ...{ ...request, choices: 1, sampling: { ...sampling, seed } },
    ...(said !== undefined && { said: { ...said, sampling: { ...said.sampling, seed } } }),
  };
}
