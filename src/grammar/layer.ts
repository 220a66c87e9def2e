import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { compiledFormats, type OpenFormat } from "./output.ts";

/**
 * Converts the required format of an answer to a grammar, which the engine enforces. A request without a format is passed on unchanged, at
 * no cost per event.
 */
export function holdToFormat(): Layer {
  return (request, next) => {
    const { output } = request;
    return output === undefined || output.type === "grammar" ? next(request) : hold(request, output, next);
  };
}

async function* hold(request: GenerationRequest, format: OpenFormat, next: Generate) {
  const { gbnf } = compiledFormats.compile(format, format.type);
  yield* next({ ...request, output: { type: "grammar", grammar: { gbnf } } });
}
