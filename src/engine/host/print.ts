import { hash } from "node:crypto";
import { statSync } from "node:fs";
import type { GenerationRequest } from "../../generation/request.ts";
import type { EngineOptions } from "../contract/messages.ts";

/** Stands for the files that a model is loaded from. */
export function printFiles({ modelPath, adapterPath }: Pick<EngineOptions, "modelPath" | "adapterPath">): string {
  const files = adapterPath === undefined ? [modelPath] : [modelPath, adapterPath];
  return files
    .map((path) => {
      const stats = statSync(path, { throwIfNoEntry: false });
      // What was loaded stays loaded.
      return stats === undefined ? "gone" : `${stats.size} ${stats.mtimeMs}`;
    })
    .join();
}

/** Stands for a request and the model that answers it: whatever the answer depends on. */
export function printRequest(request: GenerationRequest, model: string): string {
  const { id, terms, cache, cascade, journal, observe, said, signal, repeat, verbatim, ...matters } = request;
  return hash("sha256", JSON.stringify([model, matters]), "base64url");
}
