import { GgufError } from "../errors.ts";
import { type ByteReader, createByteReader } from "./reader.ts";
import { TENSOR_TYPES } from "./tensor-types.ts";

/** The contents of a header. Long arrays (the vocabulary) are only counted. */
export type GgufHeader = {
  readonly version: number;
  /** Strings are cut at 256 bytes, unless they were asked for whole. */
  readonly values: ReadonlyMap<string, number | boolean | string>;
  /** The number of elements of each array. */
  readonly arrayLengths: ReadonlyMap<string, number>;
  readonly tensorCount: number;
  /** Elements in all tensors. */
  readonly parameterCount: number;
  /** The smallest size that a file with these tensors can have, in bytes. */
  readonly endOffset: number;
};

/** No model has a larger header: the longest known vocabularies take about 20 MB. */
export const MAX_HEADER_BYTES = 64 * 1024 * 1024;
/** Real models have up to a few thousand tensors and about a hundred keys. */
const MAX_TENSORS = 65_536;
const MAX_KEYS = 65_536;
/** The specification's bound on a key. */
const MAX_KEY_BYTES = 65_535;
/** `GGML_MAX_NAME` is 64 with the closing zero, `GGML_MAX_DIMS` is 4. */
const MAX_TENSOR_NAME_BYTES = 63;
const MAX_DIMENSIONS = 4;
const KEPT_STRING_BYTES = 256;
const DEFAULT_ALIGNMENT = 32;

const STRING = 8;
const ARRAY = 9;
const UINT32 = 4;
/** Bytes of each fixed-size value type, by its number in `enum gguf_type`. */
const VALUE_BYTES: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

/** The longest template of a known model has some 20 KiB. */
const MAX_WHOLE_BYTES = 4 * 1024 * 1024;

/**
 * Parses a GGUF header and tensor table from the beginning of a file, as llama.cpp's `gguf_init_from_file` does, and as strictly.
 * Pure. Reads each byte once and allocates only the keys and names that exist, so a hostile count or length costs nothing.
 * @param whole the key whose string is not cut
 * @throws NeedsMoreBytes if `bytes` ends before the header does.
 * @throws GgufError if the pinned llama.cpp would not accept the header; `path` is only for its message.
 */
export function parseGgufHeader(bytes: Buffer, path: string, whole?: string): GgufHeader {
  const reader = createByteReader(bytes);
  const version = readVersion(reader, path);
  const tensorCount = readCount(reader, MAX_TENSORS, "tensors", path);
  const keyCount = readCount(reader, MAX_KEYS, "metadata keys", path);

  const values = new Map<string, number | boolean | string>();
  const arrayLengths = new Map<string, number>();
  for (let i = 0; i < keyCount; i++) {
    const key = readString(reader, MAX_KEY_BYTES, `metadata key ${i}`, path);
    if (values.has(key) || arrayLengths.has(key)) throw malformed(path, `has the metadata key ${shown(key)} twice`);
    const type = reader.uint32();
    if (type === ARRAY) arrayLengths.set(key, skipArray(reader, key, path));
    else values.set(key, readValue(reader, type, key, path, key === whole ? MAX_WHOLE_BYTES : KEPT_STRING_BYTES));
    if (key === "general.alignment" && type !== UINT32) throw malformed(path, "has an alignment that is not a uint32");
  }

  const alignment = values.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== "number" || alignment < 1 || (alignment & (alignment - 1)) !== 0) {
    throw malformed(path, `has the alignment ${String(alignment)}, which is not a power of two`);
  }
  const tensors = readTensors(reader, tensorCount, alignment, path);
  const dataOffset = padded(reader.offset(), alignment);
  return {
    version,
    values,
    arrayLengths,
    tensorCount,
    parameterCount: tensors.parameterCount,
    endOffset: tensorCount === 0 ? reader.offset() : dataOffset + tensors.dataBytes,
  };
}

function readVersion(reader: ByteReader, path: string): number {
  if (reader.text(4) !== "GGUF") {
    throw new GgufError(
      "not_gguf",
      path,
      "is not a GGUF file: it does not begin with the letters GGUF. Give a .gguf model file.",
    );
  }
  const version = reader.uint32();
  if (version === 2 || version === 3) return version;
  if (version !== 0 && (version & 0xffff) === 0) {
    throw new GgufError(
      "unsupported_version",
      path,
      "is a big-endian file, which llama.cpp can't read here. Download the little-endian file of the same model.",
    );
  }
  throw new GgufError(
    "unsupported_version",
    path,
    `is GGUF version ${version}; only versions 2 and 3 can be read. Download a newer conversion of the same model.`,
  );
}

function readCount(reader: ByteReader, limit: number, what: string, path: string): number {
  const count = reader.uint64();
  if (count > limit) throw malformed(path, `says that it has ${count} ${what}; no model has more than ${limit}`);
  return count;
}

function readString(reader: ByteReader, maxBytes: number, what: string, path: string): string {
  const byteCount = reader.uint64();
  if (byteCount > maxBytes)
    throw malformed(path, `has a ${what} of ${byteCount} bytes; at most ${maxBytes} are allowed`);
  return reader.text(byteCount);
}

function readValue(
  reader: ByteReader,
  type: number,
  key: string,
  path: string,
  maxBytes: number,
): number | boolean | string {
  switch (type) {
    case 0:
      return reader.uint8();
    case 1:
      return reader.int8();
    case 2:
      return reader.uint16();
    case 3:
      return reader.int16();
    case UINT32:
      return reader.uint32();
    case 5:
      return reader.int32();
    case 6:
      return reader.float32();
    case 7:
      return reader.uint8() !== 0;
    case STRING: {
      const byteCount = boundedLength(reader.uint64(), 1, key, path);
      const kept = reader.text(Math.min(byteCount, maxBytes));
      reader.skip(byteCount - Math.min(byteCount, maxBytes));
      return kept;
    }
    case 10:
      return reader.uint64();
    case 11:
      return reader.int64();
    case 12:
      return reader.float64();
    default:
      throw malformed(path, `has a value of unknown type ${type} for ${shown(key)}`);
  }
}

/** Skips an array's elements and returns their number. Refuses arrays of arrays, like llama.cpp. */
function skipArray(reader: ByteReader, key: string, path: string): number {
  const elementType = reader.uint32();
  const count = reader.uint64();
  if (elementType === STRING) {
    boundedLength(count, 8, key, path);
    for (let i = 0; i < count; i++) reader.skip(boundedLength(reader.uint64(), 1, key, path));
    return count;
  }
  const elementBytes = VALUE_BYTES[elementType];
  if (elementBytes === undefined)
    throw malformed(path, `has an array of unknown type ${elementType} for ${shown(key)}`);
  reader.skip(boundedLength(count, elementBytes, key, path) * elementBytes);
  return count;
}

/** Refuses a length that no header can contain, before it is used. */
function boundedLength(length: number, elementBytes: number, key: string, path: string): number {
  if (length * elementBytes > MAX_HEADER_BYTES) {
    throw malformed(path, `says that the value of ${shown(key)} has ${length} elements, more than a header can hold`);
  }
  return length;
}

function readTensors(
  reader: ByteReader,
  tensorCount: number,
  alignment: number,
  path: string,
): { readonly parameterCount: number; readonly dataBytes: number } {
  const names = new Set<string>();
  let parameterCount = 0;
  let nextOffset = 0;
  let dataBytes = 0;
  for (let i = 0; i < tensorCount; i++) {
    const name = readString(reader, MAX_TENSOR_NAME_BYTES, "tensor name", path);
    if (names.has(name)) throw malformed(path, `has the tensor ${shown(name)} twice`);
    names.add(name);
    const { elements, byteCount } = readTensorShape(reader, name, path);
    const offset = reader.uint64();
    if (offset !== nextOffset) {
      throw malformed(path, `has the tensor ${shown(name)} at offset ${offset}, but ${nextOffset} was expected`);
    }
    parameterCount += elements;
    dataBytes = offset + byteCount;
    nextOffset = padded(dataBytes, alignment);
    if (!Number.isSafeInteger(nextOffset)) throw malformed(path, "has tensors that add up to an impossible size");
  }
  return { parameterCount, dataBytes };
}

function readTensorShape(
  reader: ByteReader,
  name: string,
  path: string,
): { readonly elements: number; readonly byteCount: number } {
  const dimensions = reader.uint32();
  if (dimensions > MAX_DIMENSIONS) throw malformed(path, `has a tensor ${shown(name)} with ${dimensions} dimensions`);
  let elements = 1;
  let rowElements = 1;
  for (let i = 0; i < dimensions; i++) {
    const length = reader.uint64();
    if (i === 0) rowElements = length;
    elements *= length;
  }
  if (!Number.isSafeInteger(elements)) throw malformed(path, `has a tensor ${shown(name)} of an impossible size`);
  const typeId = reader.uint32();
  const type = TENSOR_TYPES.get(typeId);
  if (type === undefined) {
    throw new GgufError(
      "unsupported_tensor_type",
      path,
      `has a tensor ${shown(name)} of type ${typeId}, which this llama.cpp can't read. Download another quantization of the model, such as Q4_K_M.`,
    );
  }
  if (rowElements % type.blockSize !== 0) {
    throw malformed(
      path,
      `has a tensor ${shown(name)} whose rows of ${rowElements} do not fill blocks of ${type.name}`,
    );
  }
  return { elements, byteCount: (elements / type.blockSize) * type.blockBytes };
}

function padded(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

function malformed(path: string, reason: string): GgufError {
  return new GgufError("malformed", path, `is damaged: it ${reason}. Download it again from a source that you trust.`);
}

/** Makes a name from the file safe to print: quoted, control characters escaped, cut at 64 characters. */
function shown(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
