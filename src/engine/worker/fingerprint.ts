import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { arch, cpus } from "node:os";
import { readVersion } from "../../version.ts";
import type { EngineInfo, EngineOptions } from "../contract/messages.ts";

const SAMPLE_BYTES = 64 * 1024;
const SAMPLES = 64;

/**
 * A digest of what a model's files hold: their sizes, times, beginnings (where the header is), and 64 samples of each. To hash all of a file
 * of 5 GB would add seconds to each load. Throws the system's errors.
 */
export function digestFiles(paths: readonly string[]): string {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(SAMPLE_BYTES);
  for (const path of paths) {
    const file = openSync(path, "r");
    try {
      const { size, mtimeMs } = fstatSync(file);
      hash.update(`${size} ${mtimeMs} `);
      for (let sample = 0; sample < SAMPLES; sample++) {
        const position = Math.floor((Math.max(0, size - SAMPLE_BYTES) * sample) / (SAMPLES - 1));
        hash.update(buffer.subarray(0, readSync(file, buffer, 0, SAMPLE_BYTES, position)));
      }
    } finally {
      closeSync(file);
    }
  }
  return hash.digest("hex");
}

/**
 * Identifies the states that a loaded model can continue from, bit for bit. A state of another model, context or binding may crash llama.cpp
 * or be wrong without a sign of it; one from another processor differs in its last digits. Options that are added later count, too.
 *
 * @param files the digest of the model's files
 * @param binding the version of node-llama-cpp
 */
export function fingerprintOf(files: string, options: EngineOptions, info: EngineInfo, binding: string): string {
  const {
    modelPath,
    adapterPath,
    prefixStoreBytes,
    keptPrefixes,
    drafts,
    prefillPauseMs,
    prefillShare,
    measureEnergy,
    ...settings
  } = options;
  const parts = [
    files,
    Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)),
    [info.contextTokens, info.device, info.threads, info.chatTemplate ?? null],
    [binding, readVersion(), arch(), cpus()[0]?.model ?? ""],
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
