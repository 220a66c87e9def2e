import type { Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { compiledFormats } from "./output.ts";

/** Turns the format that an answer must have into a grammar, which is what an engine can hold it to. */
export function holdToFormat(): Layer {
  return async function* formatting(request, next) {
    yield* next(withGrammar(request));
  };
}

function withGrammar(request: GenerationRequest): GenerationRequest {
  const { output } = request;
  return output === undefined || output.type === "grammar"
    ? request
    : { ...request, output: { type: "grammar", grammar: { gbnf: compiledFormats.compile(output, output.type) } } };
}
