import type { Layer } from "./layer.ts";
import type { GenerationRequest } from "./request.ts";

/** Gives a model that reads no images the notes in their place. */
export const dropImages: Layer = (request, next) => next(withoutImages(request));

function withoutImages(request: GenerationRequest): GenerationRequest {
  const { prompt } = request;
  if (prompt.type !== "chat" || prompt.messages.every(({ parts }) => parts === undefined)) return request;
  return { ...request, prompt: { ...prompt, messages: prompt.messages.map(({ parts, ...message }) => message) } };
}
