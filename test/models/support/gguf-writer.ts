/** A value with its type, as the header stores it. */
export type GgufValue =
  | { readonly type: "uint32"; readonly value: number }
  | { readonly type: "uint16"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "raw"; readonly typeId: number; readonly bytes: Buffer };

export type GgufTensor = {
  readonly name: string;
  readonly shape: readonly number[];
  readonly typeId: number;
  /** Bytes of its data. */
  readonly byteCount: number;
  /** Its data; bytes of `fill` unless given. */
  readonly data?: Buffer;
  /** Written instead of the right one. */
  readonly offset?: bigint;
};

export type GgufOptions = {
  readonly magic?: string;
  readonly version?: number;
  readonly metadata?: readonly (readonly [string, GgufValue])[];
  readonly tensors?: readonly GgufTensor[];
  readonly tensorCount?: bigint;
  readonly keyCount?: bigint;
  /** Put into the data area, so that files differ. */
  readonly fill?: number;
};

const ALIGNMENT = 32;

export const text = (value: string): GgufValue => ({ type: "string", value });
export const uint32 = (value: number): GgufValue => ({ type: "uint32", value });
const uint16 = (value: number): GgufValue => ({ type: "uint16", value });

export const TINY_METADATA: readonly (readonly [string, GgufValue])[] = [
  ["general.architecture", text("llama")],
  ["general.name", text("Tiny")],
  ["general.file_type", uint32(15)],
  ["llama.context_length", uint32(2048)],
  ["tokenizer.ggml.tokens", { type: "strings", value: ["<s>", "</s>", "hello"] }],
  ["tokenizer.chat_template", text("{{ messages }}")],
];

/** Two tensors: 64 numbers in F32 and 32 in Q8_0. */
export const TINY_TENSORS: readonly GgufTensor[] = [
  { name: "token_embd.weight", shape: [32, 2], typeId: 0, byteCount: 256 },
  { name: "output.weight", shape: [32], typeId: 8, byteCount: 34 },
];

/** A whole GGUF file, small but valid unless the options say otherwise. */
export function writeGguf(options: GgufOptions = {}): Buffer {
  const { metadata = TINY_METADATA, tensors = TINY_TENSORS } = options;
  const header = Buffer.concat([
    Buffer.from(options.magic ?? "GGUF"),
    u32(options.version ?? 3),
    u64(options.tensorCount ?? BigInt(tensors.length)),
    u64(options.keyCount ?? BigInt(metadata.length)),
    ...metadata.map(([key, value]) => Buffer.concat([writeString(key), writeValue(value)])),
    ...tensorTable(tensors),
  ]);
  const dataBytes = tensors.reduce((sum, tensor) => padded(sum) + tensor.byteCount, 0);
  return Buffer.concat([
    header,
    Buffer.alloc(padded(header.length) - header.length),
    tensorData(tensors, dataBytes, options.fill ?? 1),
  ]);
}

/** A model of one large tensor: as many bytes of data as wanted. */
export function writeLargeGguf(dataBytes: number, fill = 1): Buffer {
  return writeGguf({ tensors: [{ name: "w", shape: [dataBytes], typeId: 24, byteCount: dataBytes }], fill });
}

/** Part `index` (from 1) of a model in `count` parts. */
export function writeGgufPart(index: number, count: number): Buffer {
  const split = [
    ["split.no", uint16(index - 1)],
    ["split.count", uint16(count)],
  ] as const;
  return writeGguf({
    metadata: index === 1 ? [...TINY_METADATA, ...split] : split,
    tensors: [{ name: `blk.${index}`, shape: [8], typeId: 0, byteCount: 32 }],
    fill: index,
  });
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function writeString(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}

function writeValue(value: GgufValue): Buffer {
  switch (value.type) {
    case "uint16": {
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16LE(value.value);
      return Buffer.concat([u32(2), bytes]);
    }
    case "uint32":
      return Buffer.concat([u32(4), u32(value.value)]);
    case "bool":
      return Buffer.concat([u32(7), Buffer.from([value.value ? 1 : 0])]);
    case "string":
      return Buffer.concat([u32(8), writeString(value.value)]);
    case "strings":
      return Buffer.concat([u32(9), u32(8), u64(BigInt(value.value.length)), ...value.value.map(writeString)]);
    case "raw":
      return Buffer.concat([u32(value.typeId), value.bytes]);
  }
}

function tensorTable(tensors: readonly GgufTensor[]): readonly Buffer[] {
  let offset = 0;
  return tensors.map((tensor) => {
    const shape = tensor.shape.map((length) => u64(BigInt(length)));
    const row = [
      writeString(tensor.name),
      u32(shape.length),
      ...shape,
      u32(tensor.typeId),
      u64(tensor.offset ?? BigInt(offset)),
    ];
    offset = padded(offset + tensor.byteCount);
    return Buffer.concat(row);
  });
}

function tensorData(tensors: readonly GgufTensor[], dataBytes: number, fill: number): Buffer {
  const bytes = Buffer.alloc(dataBytes, fill);
  let offset = 0;
  for (const { data, byteCount } of tensors) {
    data?.copy(bytes, offset);
    offset = padded(offset + byteCount);
  }
  return bytes;
}

function padded(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}
