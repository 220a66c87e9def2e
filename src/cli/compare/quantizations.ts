import { stat, unlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { QuantizeError, quantizeModel } from "../../engine/host/quantize.ts";
import {
  checkGgufPart,
  fileTypeOf,
  findModel,
  freeDiskBytes,
  type LocalModel,
  moveIntoPlace,
  resolveModel,
  withDownloadLock,
} from "../../models/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import { formatBytes } from "../units.ts";
import type { Device } from "./device.ts";

/** Those that llama.cpp makes without a matrix of importances, the largest first. */
const QUANTIZATIONS = [
  ...["F32", "BF16", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0"],
  ...["IQ4_NL", "IQ4_XS", "Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M", "IQ3_S", "Q2_K"],
] as const;

const UNQUANTIZED = /^(F32|BF16|F16)$/;

/** To be left free for the system and the user's files. */
const MARGIN_BYTES = 128 * 1024 * 1024;

export type Variant = { readonly model: LocalModel; readonly notes: readonly string[] };

/** Reads `--quantize`. Throws a UsageError that lists the names. */
export function readQuantizations(given: string): readonly string[] {
  const names = given.split(",").map((name) => name.trim().toUpperCase());
  for (const name of names) {
    if (QUANTIZATIONS.some((each) => each === name)) continue;
    throw new UsageError(
      `--quantize: ${JSON.stringify(name)} is none that can be made. Give some of ${QUANTIZATIONS.join(", ")}, with commas between.`,
    );
  }
  return [...new Set(names)];
}

/** Whether making others of it loses precision a second time. */
export function isQuantized({ gguf }: Pick<LocalModel, "gguf">): boolean {
  return gguf.quantization === undefined || !UNQUANTIZED.test(gguf.quantization);
}

/** A variant's file name tells what it was made from, unless that was not quantized. */
export function nameVariant(model: Pick<LocalModel, "path" | "gguf">, quantization: string): string {
  const { quantization: own } = model.gguf;
  const stem = basename(model.path).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, "");
  const plain = own === undefined ? stem : stem.replace(new RegExp(`[-._]${own}$`, "i"), "");
  return `${plain}-${quantization}${isQuantized(model) ? `-from-${own ?? "quantized"}` : ""}.gguf`;
}

/**
 * Makes a variant in the models folder, or finds it there. It gets its name only when it is whole and checked; a run that is stopped leaves none.
 *
 * @param onProgress gets the share that is done
 * @throws CommandError if the disk is too full or llama.cpp refuses; the signal's reason
 */
export async function makeVariant(
  model: LocalModel,
  quantization: string,
  options: {
    readonly modelsDir: string;
    readonly device: Device;
    readonly signal: AbortSignal;
    readonly onProgress: (share: number) => void;
    readonly freeBytes?: typeof freeDiskBytes;
  },
): Promise<Variant> {
  const { device, signal, freeBytes = freeDiskBytes } = options;
  const modelsDir = resolve(options.modelsDir);
  const path = join(modelsDir, nameVariant(model, quantization));
  const find = async () => {
    const there = await stat(path).catch(() => undefined);
    return there && (await findModel(resolveModel(path, { models: [] }), modelsDir));
  };
  return withDownloadLock(modelsDir, basename(path), signal, async (locked, folder) => {
    const found = await find();
    if (found !== undefined) return { model: found, notes: [] };
    const part = join(folder, `${basename(path)}.quantizing`);
    const request = {
      ...{ addon: device.addon, from: model.path, to: part, fileType: fileTypeOf(quantization) ?? 0 },
      threads: device.threads,
    };
    try {
      const trial = await quantizeModel({ ...request, isTrial: true }, locked);
      const neededBytes = trial.weightBytes + headerBytes(model);
      const free = await freeBytes(folder);
      if (free < neededBytes + MARGIN_BYTES) {
        throw new CommandError(
          `The disk of ${modelsDir} is too full for ${basename(path)}: it needs ${formatBytes(neededBytes)} and ${formatBytes(MARGIN_BYTES)} to spare, and ${formatBytes(free)} are free. Free some, or choose another disk with --models-dir.`,
        );
      }
      const done = await quantizeModel({ ...request, isTrial: false }, locked, (tensors, all) =>
        options.onProgress(tensors / all),
      );
      await checkGgufPart(part);
      await moveIntoPlace(part, path);
      const made = await find();
      if (made === undefined) throw new CommandError(`${path} has gone meanwhile. Run the command again.`);
      return { model: made, notes: describeFallbacks(done, quantization) };
    } catch (error) {
      if (!(error instanceof QuantizeError)) throw error;
      const isFull = (await freeBytes(folder)) < MARGIN_BYTES;
      throw new CommandError(`${error.message}${isFull ? "\nThe disk is full: free some space." : ""}`, {
        cause: error,
      });
    } finally {
      await unlink(part).catch(() => {});
    }
  });
}

/** What a file has besides its tensors, at most. */
function headerBytes({ sizeBytes }: LocalModel): number {
  return Math.min(sizeBytes, 64 * 1024 * 1024);
}

function describeFallbacks(
  { fallbacks, tensors }: { readonly fallbacks: number; readonly tensors: number },
  quantization: string,
): readonly string[] {
  if (fallbacks === 0) return [];
  return [
    `${fallbacks} of ${tensors} tensors are in a larger type, because their rows don't fill the blocks of ${quantization}.`,
  ];
}
