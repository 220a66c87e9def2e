import { text, writeGguf } from "./gguf-writer.ts";

/** The numbers of a matrix in llama.cpp, and what the adapter adds to it. */
export type AdaptedTensor = {
  /** Such as `blk.0.attn_q.weight`. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** The size of the numbers; 0 changes nothing. */
  readonly value: number;
};

/** The type ids of GGUF for numbers in F32, in the metadata and in tensors. */
const F32_VALUE = 6;
const F32_TENSOR = 0;

/** A LoRA adapter of rank 1, whose numbers are known. */
export function writeAdapter(tensors: readonly AdaptedTensor[], architecture = "llama"): Buffer {
  return writeGguf({
    metadata: [
      ["general.type", text("adapter")],
      ["general.architecture", text(architecture)],
      ["adapter.type", text("lora")],
      ["adapter.lora.alpha", { type: "raw", typeId: F32_VALUE, bytes: floats([1]) }],
    ],
    tensors: tensors.flatMap(({ name, from, to, value }) => {
      const a = floats(Array.from({ length: from }, (_, index) => value * Math.sin(index + 1)));
      const b = floats(Array.from({ length: to }, (_, index) => value * Math.cos(3 * index + 1)));
      return [
        { name: `${name}.lora_a`, shape: [from, 1], typeId: F32_TENSOR, byteCount: a.length, data: a },
        { name: `${name}.lora_b`, shape: [1, to], typeId: F32_TENSOR, byteCount: b.length, data: b },
      ];
    }),
  });
}

function floats(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}
