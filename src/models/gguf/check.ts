import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { isSupportedArchitecture } from "../architectures.ts";
import { GgufError } from "../errors.ts";
import type { GgufHeader } from "./header.ts";
import { kvBytesPerToken } from "./kv-cache.ts";
import { quantizationName } from "./quantization.ts";
import { type GgufFile, readGgufHeader } from "./read.ts";
import { parseSplitName, splitName, splitPaths } from "./split-name.ts";

/** A model's properties by its header. Optional fields are absent if the file doesn't tell them. */
export type GgufSummary = {
  /** llama.cpp's name for the architecture, such as `llama` or `gemma3`. */
  readonly architecture: string;
  readonly name?: string;
  /** Such as `Q4_K_M`. */
  readonly quantization?: string;
  /** Elements in all tensors of all parts. */
  readonly parameterCount: number;
  /** The context that the model was trained with, in tokens. */
  readonly contextLength?: number;
  readonly vocabularySize?: number;
  /** The bytes of each token in the KV cache. */
  readonly kvBytesPerToken?: number;
  /** Set for a model that makes embeddings or scores: llama.cpp's number for its pooling (4 means a reranker). */
  readonly poolingType?: number;
  /** Whether the file has a chat template. */
  readonly chatTemplate: boolean;
  /** The size of all parts together. */
  readonly sizeBytes: number;
  /** Set when the model is in several files; `index` counts from 1. */
  readonly split?: { readonly index: number; readonly count: number };
};

/** A part's number has five digits; no model has more than some dozens of parts. */
const MAX_PARTS = 9_999;

/**
 * Reads a model's header and tensor table, without the weights, and describes the model. For a split model give the first part. The others
 * must be beside it and are checked, too.
 * @throws GgufError if llama.cpp could not load the file; see its `code`.
 */
export async function checkGguf(path: string): Promise<GgufSummary> {
  const first = await readGgufHeader(path);
  const count = numberOf(first.header, "split.count") ?? 1;
  if (count <= 1) return summarize(path, [first], undefined);

  const index = (numberOf(first.header, "split.no") ?? 0) + 1;
  const others = await checkOtherParts(path, index, count);
  return summarize(path, [first, ...others], { index, count });
}

/**
 * Checks a single file: a whole model, or one part without the others. For files that are not in their place yet.
 * @throws GgufError like `checkGguf`.
 */
export async function checkGgufPart(path: string): Promise<void> {
  const file = await readGgufHeader(path);
  const isLaterPart = (numberOf(file.header, "split.no") ?? 0) > 0;
  if (!isLaterPart) architectureOf(path, file.header);
}

async function checkOtherParts(path: string, index: number, count: number): Promise<readonly GgufFile[]> {
  const name = parseSplitName(path);
  if (count > MAX_PARTS || name === undefined || name.count !== count || name.index !== index) {
    const expected = splitName("NAME", index, Math.min(count, MAX_PARTS));
    throw new GgufError(
      "split_parts_missing",
      path,
      `is part ${index} of ${count}, so its name must end as in ${expected}, with the other parts beside it. Give it its old name again.`,
    );
  }
  if (index !== 1) {
    const firstName = splitName(name.prefix, 1, count);
    throw new GgufError(
      "not_first_part",
      path,
      `is part ${index} of ${count} of a model. Give the first part, ${firstName}.`,
    );
  }
  const otherPaths = splitPaths(path).slice(1);
  const present = await Promise.all(otherPaths.map((other) => exists(other)));
  const missing = otherPaths.filter((_, i) => present[i] !== true).map((other) => basename(other));
  if (missing.length > 0) {
    const more = missing.length > 8 ? ` and ${missing.length - 8} more` : "";
    throw new GgufError(
      "split_parts_missing",
      path,
      `is the first of ${count} parts; these are missing beside it: ${missing.slice(0, 8).join(", ")}${more}. Download them, too.`,
    );
  }
  const others: GgufFile[] = [];
  for (const other of otherPaths) others.push(await readGgufHeader(other));
  return others;
}

function summarize(path: string, files: readonly GgufFile[], split: GgufSummary["split"]): GgufSummary {
  const header = files[0]?.header;
  if (header === undefined) throw new Error("a model has at least one file");
  const architecture = architectureOf(path, header);
  const parameterCount = files.reduce((sum, file) => sum + file.header.parameterCount, 0);
  if (parameterCount === 0) {
    throw new GgufError(
      "malformed",
      path,
      "has no tensors, so it is not a model (perhaps only a vocabulary). Give a model file.",
    );
  }
  const name = header.values.get("general.name");
  const fileType = numberOf(header, "general.file_type");
  const quantization = fileType === undefined ? undefined : quantizationName(fileType);
  const contextLength = numberOf(header, `${architecture}.context_length`);
  const vocabularySize =
    header.arrayLengths.get("tokenizer.ggml.tokens") ?? numberOf(header, `${architecture}.vocab_size`);
  const kvBytes = kvBytesPerToken(header, architecture);
  const poolingType = numberOf(header, `${architecture}.pooling_type`) ?? 0;
  const template = header.values.get("tokenizer.chat_template");
  return {
    architecture,
    ...(typeof name === "string" && name !== "" && { name: printable(name) }),
    ...(quantization !== undefined && { quantization }),
    parameterCount,
    ...(contextLength !== undefined && { contextLength }),
    ...(vocabularySize !== undefined && { vocabularySize }),
    ...(kvBytes !== undefined && { kvBytesPerToken: kvBytes }),
    ...(poolingType > 0 && { poolingType }),
    chatTemplate: typeof template === "string" && template !== "",
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    ...(split !== undefined && { split }),
  };
}

function architectureOf(path: string, header: GgufHeader): string {
  const architecture = header.values.get("general.architecture");
  if (typeof architecture !== "string" || architecture === "") {
    throw new GgufError("malformed", path, "does not name its architecture. Download another conversion of the model.");
  }
  if (architecture === "clip") {
    throw new GgufError(
      "unsupported_architecture",
      path,
      "is an image projector (mmproj), not a language model. Give the model that it belongs to.",
    );
  }
  if (!isSupportedArchitecture(architecture)) {
    throw new GgufError(
      "unsupported_architecture",
      path,
      `has the architecture ${JSON.stringify(printable(architecture))}, which this llama.cpp does not support. Choose another model, or a newer Sluice.`,
    );
  }
  return architecture;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function numberOf(header: GgufHeader, key: string): number | undefined {
  const value = header.values.get(key);
  return typeof value === "number" ? value : undefined;
}

/** Removes control characters from a file's text, for display in a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "").slice(0, 128);
}
