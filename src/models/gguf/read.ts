import { type FileHandle, open, stat } from "node:fs/promises";
import { GgufError } from "../errors.ts";
import { type GgufHeader, MAX_HEADER_BYTES, parseGgufHeader } from "./header.ts";
import { NeedsMoreBytes } from "./reader.ts";

/** The first read covers most headers: SmolLM2's is 1.7 MB, Gemma 3's 6.5 MB. */
const FIRST_READ_BYTES = 2 * 1024 * 1024;
const GROWTH = 4;
const MAGIC = Buffer.from("GGUF");

/** One file's header and size. */
export type GgufFile = { readonly header: GgufHeader; readonly sizeBytes: number };

/**
 * Reads and parses the header of one file, and checks that the file is long enough for its tensors.
 * @param whole the key whose string is not cut
 * @throws GgufError if it doesn't exist, is cut short, or isn't a GGUF file that llama.cpp accepts.
 */
export async function readGgufHeader(path: string, whole?: string): Promise<GgufFile> {
  const file = await openRegularFile(path);
  try {
    const { size } = await file.stat();
    if (size === 0) throw new GgufError("empty", path, "is empty. Download it again.");
    const header = await parseGrowing(file, size, path, whole);
    if (header.endOffset > size) {
      throw truncated(path, `its tensors end at byte ${header.endOffset}, but the file has only ${size}`);
    }
    return { header, sizeBytes: size };
  } finally {
    await file.close();
  }
}

/** Parses the header from the file's beginning. If it is longer than the part read, reads four times as much. */
async function parseGrowing(
  file: FileHandle,
  fileBytes: number,
  path: string,
  whole: string | undefined,
): Promise<GgufHeader> {
  const limit = Math.min(fileBytes, MAX_HEADER_BYTES);
  let wanted = Math.min(FIRST_READ_BYTES, limit);
  for (;;) {
    const bytes = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await file.read(bytes, 0, wanted, 0);
    try {
      return parseGgufHeader(bytes.subarray(0, bytesRead), path, whole);
    } catch (error) {
      if (!(error instanceof NeedsMoreBytes)) throw error;
      if (error.endOffset > fileBytes || bytesRead < wanted) {
        if (!MAGIC.subarray(0, bytesRead).equals(bytes.subarray(0, Math.min(bytesRead, MAGIC.length)))) {
          throw new GgufError("not_gguf", path, "is not a GGUF file. Give a .gguf model file.");
        }
        throw truncated(path, `its header is longer than the file, which has ${fileBytes} bytes`);
      }
      if (error.endOffset > limit) {
        throw new GgufError(
          "malformed",
          path,
          `is damaged: its header is longer than ${MAX_HEADER_BYTES} bytes. Download it again.`,
        );
      }
      wanted = Math.min(limit, Math.max(wanted * GROWTH, error.endOffset));
    }
  }
}

async function openRegularFile(path: string): Promise<FileHandle> {
  try {
    // Checked before opening, because opening a pipe would wait for a writer.
    const info = await stat(path);
    if (!info.isFile()) throw new GgufError("not_a_file", path, "is not a file. Give the path of a .gguf model file.");
    return await open(path, "r");
  } catch (error) {
    if (error instanceof GgufError) throw error;
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new GgufError("not_found", path, "does not exist. Check the path, or pull the model first.");
    }
    throw new GgufError("unreadable", path, `can't be read (${code}). Check its permissions.`);
  }
}

function truncated(path: string, reason: string): GgufError {
  return new GgufError("truncated", path, `is cut short: ${reason}. Download it again.`);
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
