import type { Backend } from "../generation/backend.ts";
import type { Stay } from "../prompts/warm-up.ts";

/**
 * For work that no client has asked for: it must not load a model, which might put out another one. Undefined if the model is not loaded. A restart
 * is no end of its stay: the engine goes on with its requests.
 */
export function stayOf(model: Pick<Backend, "state" | "onStateChange"> | undefined): Stay | undefined {
  if (model?.state() !== "ready") return undefined;
  const over = new AbortController();
  const stop = model.onStateChange?.((now) => {
    if (now === "unloading" || now === "unloaded") over.abort();
  });
  return { over: over.signal, end: () => stop?.() };
}
