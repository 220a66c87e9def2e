import { hash } from "node:crypto";
import type { Backend, BackendDetails } from "../../generation/backend.ts";

/**
 * The version of Ollama whose API is spoken here. Clients ask for it before they use what came with a version, and some don't talk to
 * one that is too old.
 */
export const OLLAMA_VERSION = "0.32.15";

/** A model, or what stands for one, as lists of models have it. */
export type OllamaModel = Pick<Backend, "id" | "can" | "details" | "createdUnixSeconds">;

/** Ollama's names have a tag; clients add `latest` to one that has none. */
function tagged(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1).includes(":") ? id : `${id}:latest`;
}

/** An entry of `GET /api/tags`. */
export function encodeListed(model: OllamaModel) {
  return { ...encodeNamed(model), modified_at: modifiedAt(model), capabilities: capabilitiesOf(model) };
}

/** An entry of `GET /api/ps`. */
export function encodeRunning(model: OllamaModel) {
  return { ...encodeNamed(model), context_length: model.details().contextTokens };
}

/** `POST /api/show`. */
export function encodeShown(model: OllamaModel) {
  const details = model.details();
  const family = details.family ?? "unknown";
  const { contextTokens, trainContextTokens, embeddingSize, parameters, vocabularySize } = details;
  return {
    // Clients read this line by line, so there is no empty one.
    parameters: contextTokens === undefined ? "" : `num_ctx                        ${contextTokens}`,
    template: describeTemplate(model),
    details: encodeDetails(details),
    model_info: {
      "general.architecture": family,
      "general.basename": model.id,
      "general.parameter_count": parameters,
      // What clients may send, which is what the server gives a request.
      [`${family}.context_length`]: contextTokens ?? trainContextTokens,
      [`${family}.embedding_length`]: embeddingSize,
      [`${family}.vocab_size`]: vocabularySize,
    },
    capabilities: capabilitiesOf(model),
    modified_at: modifiedAt(model),
  };
}

function encodeNamed(model: OllamaModel) {
  const { id, details } = model;
  const { sizeBytes = 0, sha256 } = details();
  const name = tagged(id);
  // Where the file's own hash is not known, one that tells models apart.
  const digest = sha256 ?? hash("sha256", JSON.stringify([id, sizeBytes, model.createdUnixSeconds]));
  return { name, model: name, size: sizeBytes, digest, details: encodeDetails(details()) };
}

function encodeDetails(details: BackendDetails) {
  const { family, quantization, parameters, sizeBytes, contextTokens, trainContextTokens, embeddingSize } = details;
  return {
    parent_model: "",
    format: sizeBytes === undefined ? "" : "gguf",
    family: family ?? "",
    families: family === undefined ? [] : [family],
    parameter_size: parameters === undefined ? "" : shorten(parameters),
    quantization_level: quantization ?? "",
    context_length: contextTokens ?? trainContextTokens,
    embedding_length: embeddingSize,
  };
}

/** In the words of Ollama's own templates: which parts a prompt can have. Clients look for them; the model's own template is another. */
function describeTemplate({ can }: OllamaModel): string {
  const parts = ["System", ...(can.tools ? ["Tools"] : []), "Prompt", ...(can.infill ? ["Suffix"] : [])];
  return can.text ? parts.map((part) => `{{ .${part} }}`).join("") : "";
}

function capabilitiesOf({ can }: OllamaModel): string[] {
  return [
    ...(can.text ? ["completion"] : []),
    ...(can.text && can.tools ? ["tools"] : []),
    ...(can.infill ? ["insert"] : []),
    ...(can.embeddings ? ["embedding"] : []),
  ];
}

function modifiedAt({ createdUnixSeconds }: OllamaModel): string {
  return new Date(createdUnixSeconds * 1000).toISOString();
}

/** `134.52M`, `7.6B`. */
function shorten(count: number): string {
  const [unit, size] = count >= 1e9 ? (["B", 1e9] as const) : (["M", 1e6] as const);
  return `${(count / size).toFixed(size === 1e9 ? 1 : 2)}${unit}`;
}
