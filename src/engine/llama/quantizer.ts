import type { LlamaLibrary } from "./library.ts";

/**
 * Writes a model's file in another quantization, in another thread. llama.cpp prints each tensor that it has done, and, at the end, the sizes.
 *
 * @param fileType its number in `enum llama_ftype`
 * @param isTrial whether only the sizes are printed
 * @throws if llama.cpp refuses; it has then printed why
 */
export async function quantizeFile(
  library: LlamaLibrary,
  options: {
    readonly from: string;
    readonly to: string;
    readonly fileType: number;
    readonly threads: number;
    readonly isTrial: boolean;
  },
): Promise<void> {
  const { from, to, fileType, threads, isTrial } = options;
  const code = await library.quantize(from, to, {
    ...library.quantizeDefaults(),
    // Whoever asks has been told that a second quantization loses more.
    ...{ nthread: threads, ftype: fileType, allow_requantize: true, dry_run: isTrial },
  });
  if (code !== 0) throw new Error("llama.cpp's quantizer has failed");
}
