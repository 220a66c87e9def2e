/** `enum llama_ftype` (llama.h), the values of `general.file_type`. Gaps are removed formats. */
const FILE_TYPES: readonly (string | undefined)[] = [
  "F32",
  "F16",
  "Q4_0",
  "Q4_1",
  undefined,
  undefined,
  undefined,
  "Q8_0",
  "Q5_0",
  "Q5_1",
  "Q2_K",
  "Q3_K_S",
  "Q3_K_M",
  "Q3_K_L",
  "Q4_K_S",
  "Q4_K_M",
  "Q5_K_S",
  "Q5_K_M",
  "Q6_K",
  "IQ2_XXS",
  "IQ2_XS",
  "Q2_K_S",
  "IQ3_XS",
  "IQ3_XXS",
  "IQ1_S",
  "IQ4_NL",
  "IQ3_S",
  "IQ3_M",
  "IQ2_S",
  "IQ2_M",
  "IQ4_XS",
  "IQ1_M",
  "BF16",
  undefined,
  undefined,
  undefined,
  "TQ1_0",
  "TQ2_0",
  "MXFP4",
  "NVFP4",
  "Q1_0",
  "Q2_0",
];

/** All names. */
export const QUANTIZATION_NAMES: ReadonlySet<string> = new Set(FILE_TYPES.filter((name) => name !== undefined));

/** The flag that llama.cpp sets in a file type which it guessed from the tensors (`LLAMA_FTYPE_GUESSED`). */
const GUESSED = 1024;

/** Returns the usual name of a file type, such as `Q4_K_M`; undefined for an unknown number. */
export function quantizationName(fileType: number): string | undefined {
  return FILE_TYPES[fileType & ~GUESSED];
}

/** The number of a file type, by its usual name in any case; undefined for an unknown one. */
export function fileTypeOf(name: string): number | undefined {
  const index = FILE_TYPES.indexOf(name.toUpperCase());
  return index < 0 ? undefined : index;
}
