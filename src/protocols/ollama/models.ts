import { hash } from "node:crypto";
import type { Backend, BackendDetails } from "../../generation/backend.ts";

/**
 * The version of Ollama whose API Sluice implements. Clients check it before they use newer features, and some refuse old versions.
 */
export const OLLAMA_VERSION = "0.32.15";

/** A model or a preset in a list of models. */
export type OllamaModel = Pick<Backend, "id" | "can" | "details" | "createdUnixSeconds">;

/** Ollama's names have a tag. Clients add `latest` to names without one. */
function tagged(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1).includes(":") ? id : `${id}:latest`;
}

/** Encodes an entry of `GET /api/tags`. */
export function encodeListed(model: OllamaModel) {
  return { ...encodeNamed(model), modified_at: modifiedAt(model), capabilities: capabilitiesOf(model) };
}

/** When a model that stays loaded is unloaded: in the distant future, as Ollama says it. */
const NEVER = "2318-01-01T00:00:00.000Z";

/**
 * Encodes an entry of `GET /api/ps`. `size` is the memory that it takes. How much of that is a GPU's is not known.
 *
 * @param nowMs in Unix ms
 */
export function encodeRunning(model: OllamaModel & Pick<Backend, "residence" | "replicas">, nowMs: number) {
  const { memoryBytes, unloadInMs, isPinned } = model.residence?.() ?? {};
  const named = encodeNamed(model);
  const states = model.replicas?.states();
  return {
    ...named,
    size: memoryBytes ?? named.size,
    size_vram: 0,
    expires_at: unloadInMs === undefined ? NEVER : new Date(nowMs + unloadInMs).toISOString(),
    ...(isPinned === true && { pinned: true }),
    ...(states && { replicas: { ready: states.filter((state) => state === "ready").length, all: states.length } }),
    context_length: model.details().contextTokens,
  };
}

/** Encodes the answer of `POST /api/show`. */
export function encodeShown(model: OllamaModel) {
  const details = model.details();
  const family = details.family ?? "unknown";
  const { contextTokens, trainContextTokens, embeddingSize, parameters, vocabularySize } = details;
  return {
    // Clients read this line by line, so it has no empty lines.
    parameters: contextTokens === undefined ? "" : `num_ctx                        ${contextTokens}`,
    template: describeTemplate(model),
    details: encodeDetails(details),
    model_info: {
      "general.architecture": family,
      "general.basename": model.id,
      "general.parameter_count": parameters,
      // Clients take this for the longest prompt they may send, so it is the context that the server allows.
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
  // If the file's hash is unknown, a hash that distinguishes models.
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

/** Lists the parts that a prompt can have as an Ollama template, because clients look for them. It is not the model's real template. */
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

/** Formats a count as `134.52M` or `7.6B`. */
function shorten(count: number): string {
  const [unit, size] = count >= 1e9 ? (["B", 1e9] as const) : (["M", 1e6] as const);
  return `${(count / size).toFixed(size === 1e9 ? 1 : 2)}${unit}`;
}
