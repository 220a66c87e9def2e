/**
 * A process that measures one model: how fast it is, and how well it predicts a text. A crash of llama.cpp ends only this process. It does what it is
 * asked, in order, until its parent leaves.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { messageOf } from "../contract/parse.ts";
import { openLibrary } from "../llama/library.ts";
import { loadRawModel, type RawModel } from "../llama/raw-model.ts";
import { openEnergyMeter } from "../worker/energy.ts";
import type { MeasureReply, MeasureRequest } from "./messages.ts";
import { divergenceOf, lossOf, readRow } from "./rows.ts";

type Loaded = { readonly model: RawModel; readonly batchTokens: number; readonly baseBytes: number };

let loaded: Loaded | undefined;

const parent = process.ppid;

/** Ends where the parent was killed: that it has left is heard only between two requests, and one may take minutes. */
function endWithParent(): void {
  if (process.ppid !== parent) process.exit(0);
}

function answer(request: MeasureRequest): MeasureReply {
  if (request.type === "load") return load(request);
  if (loaded === undefined) throw new Error("no model is loaded");
  const { model } = loaded;
  switch (request.type) {
    case "tokenize": {
      const tokens = model.tokenize(request.text);
      return { type: "tokens", tokens, bytes: tokens.map((token) => model.bytesOf(token)) };
    }
    case "rates":
      return measureRates(request, loaded);
    case "begin":
      model.clear();
      if (model.beginning !== undefined) model.append([model.beginning], false);
      return { type: "done" };
    case "read":
      appendAll(request.tokens, loaded);
      return { type: "done" };
    case "score":
      return score(request, model);
  }
}

function load(request: Extract<MeasureRequest, { type: "load" }>): MeasureReply {
  const { addon, path, contextTokens, batchTokens, threads } = request;
  const library = openLibrary(addon);
  const baseBytes = process.memoryUsage.rss();
  const begunMs = performance.now();
  const model = loadRawModel(library, { path, contextTokens, batchTokens, threads });
  const loadMs = performance.now() - begunMs;
  loaded = { model, batchTokens, baseBytes };
  return {
    type: "loaded",
    ...{ loadMs, memoryBytes: process.memoryUsage.rss() - baseBytes },
    vocabularySize: model.vocabularySize,
    vocabularyHash: model.vocabularyHash,
    parameterCount: model.parameterCount,
    weightBytes: model.weightBytes,
    trainContextTokens: model.trainContextTokens,
    ...(model.beginning !== undefined && { beginning: model.beginning }),
  };
}

/** Any tokens do: the time doesn't depend on what they are. */
const STRIDE = 7919;

function measureRates(
  { contexts, decodeTokens }: Extract<MeasureRequest, { type: "rates" }>,
  { model, batchTokens, baseBytes }: Loaded,
): MeasureReply {
  const meter = openEnergyMeter();
  const someTokens = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => ((from + index) * STRIDE) % model.vocabularySize);
  try {
    const points = [];
    let length = 0;
    let prefillMs = 0;
    let joules = 0;
    model.clear();
    for (const context of contexts) {
      const begunMs = performance.now();
      for (; length < context; length = Math.min(context, length + batchTokens)) {
        endWithParent();
        model.append(someTokens(length, Math.min(context, length + batchTokens)), false);
      }
      const evaluatedMs = performance.now();
      prefillMs += evaluatedMs - begunMs;
      const before = meter?.read() ?? 0;
      for (const token of someTokens(length, length + decodeTokens)) model.append([token], false);
      joules += (meter?.read() ?? 0) - before;
      points.push({ context, prefillMs, decodeMs: performance.now() - evaluatedMs, decodeTokens });
    }
    const memoryBytes = process.memoryUsage.rss() - baseBytes;
    return { type: "rates", points, memoryBytes, ...(meter !== undefined && { joules }) };
  } finally {
    meter?.close();
  }
}

function appendAll(tokens: readonly number[], { model, batchTokens }: Loaded): void {
  for (let at = 0; at < tokens.length; at += batchTokens) {
    endWithParent();
    model.append(tokens.slice(at, at + batchTokens), false);
  }
}

function score(request: Extract<MeasureRequest, { type: "score" }>, model: RawModel): MeasureReply {
  const { tokens, nextTokens, rows } = request;
  model.append(tokens, true);
  const file = rows === undefined ? undefined : openSync(rows.path, rows.isReference ? "w" : "r");
  const stored = rows?.isReference === false ? new Float32Array(model.vocabularySize) : undefined;
  const losses: number[] = [];
  const top: number[] = [];
  const divergences: number[] = [];
  const agrees: boolean[] = [];
  try {
    for (const [index, next] of nextTokens.entries()) {
      const row = readRow(model.logits(index));
      losses.push(lossOf(row, next));
      top.push(row.top);
      if (file === undefined) continue;
      if (stored === undefined) writeRow(file, row.logits, index);
      else {
        readStored(file, stored, index);
        const reference = readRow(stored);
        divergences.push(divergenceOf(reference, row));
        agrees.push(reference.top === row.top);
      }
    }
  } finally {
    if (file !== undefined) closeSync(file);
  }
  return { type: "scores", losses, top, ...(stored !== undefined && { divergences, agrees }) };
}

function writeRow(file: number, logits: Float32Array, index: number): void {
  const bytes = new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength);
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(file, bytes, at, bytes.length - at, index * bytes.length + at);
  }
}

function readStored(file: number, into: Float32Array, index: number): void {
  const bytes = new Uint8Array(into.buffer);
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, bytes.length - at, index * bytes.length + at);
    if (count === 0) throw new Error("the reference's logits are cut short");
    at += count;
  }
}

process.on("disconnect", () => process.exit(0));
process.on("message", (request: MeasureRequest) => {
  let reply: MeasureReply;
  try {
    reply = answer(request);
  } catch (error) {
    reply = { type: "failed", reason: messageOf(error) };
  }
  process.send?.(reply);
});
