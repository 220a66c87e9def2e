import { createHash, randomBytes } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { readRegularFile } from "../read-file.ts";
import { writeDurably } from "./durable-write.ts";

const MAX_BYTES = 64 * 1024 * 1024;
const KEY_BYTES = 32;
/** The file's first four bytes are the vectors' length. */
const HEAD_BYTES = 4;
const MAX_LENGTH = 16_384;

/** Vectors of texts, by what the texts are. */
export type VectorStore = {
  readonly get: (text: string) => Float32Array | undefined;
  readonly set: (text: string, vector: Float32Array) => void;
  /** Writes what was asked for or added, then what fits of the rest. Never rejects: the next run computes what isn't there. */
  readonly save: () => Promise<void>;
};

/** Opens the vectors in a file. One that can't be read counts as empty. */
export async function openVectorStore(file: string): Promise<VectorStore> {
  const before = await read(file);
  const used = new Map<string, Float32Array>();
  let hasNew = false;
  return {
    get(text) {
      const key = keyOf(text);
      const vector = used.get(key) ?? before.get(key);
      if (vector !== undefined) used.set(key, vector);
      return vector;
    },
    set(text, vector) {
      used.set(keyOf(text), vector);
      hasNew = true;
    },
    async save() {
      if (!hasNew) return;
      const fresh = `${file}.${randomBytes(4).toString("hex")}`;
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await writeDurably(fresh, encode(new Map([...used, ...[...before].filter(([key]) => !used.has(key))])), 0o600);
        await rename(fresh, file);
      } catch {
        await rm(fresh, { force: true }).catch(() => {});
      }
    },
  };
}

function keyOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function encode(vectors: ReadonlyMap<string, Float32Array>): Buffer {
  const length = vectors.values().next().value?.length ?? 0;
  const entryBytes = KEY_BYTES + length * 4;
  const kept = [...vectors]
    .filter(([, vector]) => vector.length === length)
    .slice(0, Math.floor(MAX_BYTES / entryBytes));
  const bytes = Buffer.alloc(HEAD_BYTES + kept.length * entryBytes);
  bytes.writeUInt32LE(length);
  for (const [index, [key, vector]] of kept.entries()) {
    const at = HEAD_BYTES + index * entryBytes;
    bytes.write(key, at, "hex");
    for (const [place, value] of vector.entries()) bytes.writeFloatLE(value, at + KEY_BYTES + place * 4);
  }
  return bytes;
}

async function read(file: string): Promise<ReadonlyMap<string, Float32Array>> {
  const vectors = new Map<string, Float32Array>();
  try {
    const { bytes } = await readRegularFile(file, HEAD_BYTES + MAX_BYTES);
    const length = bytes.readUInt32LE();
    const entryBytes = KEY_BYTES + length * 4;
    if (length === 0 || length > MAX_LENGTH || (bytes.length - HEAD_BYTES) % entryBytes !== 0) return vectors;
    for (let at = HEAD_BYTES; at < bytes.length; at += entryBytes) {
      const vector = Float32Array.from({ length }, (_, place) => bytes.readFloatLE(at + KEY_BYTES + place * 4));
      vectors.set(bytes.toString("hex", at, at + KEY_BYTES), vector);
    }
  } catch {
    vectors.clear();
  }
  return vectors;
}
