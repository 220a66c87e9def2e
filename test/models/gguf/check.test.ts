import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GgufError, type GgufErrorCode } from "../../../src/models/errors.ts";
import { checkGguf } from "../../../src/models/gguf/check.ts";
import {
  type GgufOptions,
  TINY_METADATA,
  TINY_TENSORS,
  text,
  u32,
  u64,
  uint32,
  writeGguf,
  writeGgufPart,
} from "../support/gguf-writer.ts";
import { tempDir } from "../support/temp-dir.ts";

async function fileOf(bytes: Buffer, name = "model.gguf"): Promise<string> {
  const path = join(await tempDir(), name);
  await writeFile(path, bytes);
  return path;
}

async function errorOf(path: string): Promise<GgufError> {
  const error: unknown = await checkGguf(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GgufError)) throw new Error(`expected a GgufError, got ${String(error)}`);
  return error;
}

async function codeOf(options: GgufOptions): Promise<GgufErrorCode> {
  return (await errorOf(await fileOf(writeGguf(options)))).code;
}

const replaced = (key: string, value: ReturnType<typeof text>) =>
  TINY_METADATA.map(([name, old]) => [name, name === key ? value : old] as const);

describe("checkGguf", () => {
  it("describes a model by its header", async () => {
    const bytes = writeGguf();
    expect(await checkGguf(await fileOf(bytes))).toEqual({
      architecture: "llama",
      name: "Tiny",
      quantization: "Q4_K_M",
      parameterCount: 96,
      contextLength: 2048,
      vocabularySize: 3,
      chatTemplate: true,
      sizeBytes: bytes.length,
    });
  });

  it.each([
    [3, { poolingType: 3 }],
    [0, {}],
  ])("tells the pooling of an embedding model, if any: %i", async (value, told) => {
    const metadata = [...TINY_METADATA, ["llama.pooling_type", uint32(value)] as const];
    const { poolingType } = await checkGguf(await fileOf(writeGguf({ metadata })));
    expect({ ...(poolingType !== undefined && { poolingType }) }).toEqual(told);
  });

  it("omits properties that the file does not tell", async () => {
    const bytes = writeGguf({ metadata: [["general.architecture", text("gemma3")]] });
    expect(await checkGguf(await fileOf(bytes))).toEqual({
      architecture: "gemma3",
      parameterCount: 96,
      chatTemplate: false,
      sizeBytes: bytes.length,
    });
  });

  it("reads a header that is longer than its first piece", async () => {
    const words = Array.from({ length: 500 }, () => "a rather long word ".repeat(1_000));
    const metadata = [
      ["general.architecture", text("llama")],
      ["tokenizer.ggml.tokens", { type: "strings", value: words }],
    ] as const;
    expect((await checkGguf(await fileOf(writeGguf({ metadata })))).vocabularySize).toBe(500);
  });

  it("removes control characters from a name, which may go to a terminal", async () => {
    const metadata = replaced("general.name", text("\u001b[31mred\u0007"));
    expect((await checkGguf(await fileOf(writeGguf({ metadata })))).name).toBe("[31mred");
  });

  it("says that a file does not exist", async () => {
    const error = await errorOf(join(await tempDir(), "none.gguf"));
    expect(error.code).toBe("not_found");
    expect(error.message).toContain("none.gguf does not exist");
  });

  it("says that a folder is not a file", async () => {
    const path = join(await tempDir(), "folder.gguf");
    await mkdir(path);
    expect((await errorOf(path)).code).toBe("not_a_file");
  });

  it("says that a file is empty", async () => {
    expect((await errorOf(await fileOf(Buffer.alloc(0)))).code).toBe("empty");
  });

  it.each([
    ["a web page", Buffer.from("<!doctype html><html>")],
    ["two letters", Buffer.from("PK")],
  ])("says that %s is not a GGUF file", async (_, bytes) => {
    expect((await errorOf(await fileOf(bytes))).code).toBe("not_gguf");
  });

  it.each([1, 4, 0x0300_0000])("refuses version %i", async (version) => {
    expect(await codeOf({ version })).toBe("unsupported_version");
  });

  it("names an architecture that llama.cpp does not know", async () => {
    const error = await errorOf(
      await fileOf(writeGguf({ metadata: replaced("general.architecture", text("perceptron")) })),
    );
    expect(error.code).toBe("unsupported_architecture");
    expect(error.message).toContain('"perceptron"');
  });

  it("says that an image projector is no language model", async () => {
    const error = await errorOf(await fileOf(writeGguf({ metadata: [["general.architecture", text("clip")]] })));
    expect(error.code).toBe("unsupported_architecture");
    expect(error.message).toContain("image projector");
  });

  it("names a tensor type that llama.cpp can't read", async () => {
    const tensors = [{ name: "w", shape: [32], typeId: 31, byteCount: 18 }];
    expect(await codeOf({ tensors })).toBe("unsupported_tensor_type");
  });

  it("finds that the weights are cut short, with both figures", async () => {
    const bytes = writeGguf();
    const path = await fileOf(bytes);
    await truncate(path, bytes.length - 1);
    const error = await errorOf(path);
    expect(error.code).toBe("truncated");
    expect(error.message).toContain(`end at byte ${bytes.length}, but the file has only ${bytes.length - 1}`);
  });

  it("throws only a GgufError, wherever a file is cut", async () => {
    const bytes = writeGguf();
    const path = await fileOf(bytes);
    for (let length = bytes.length - 1; length >= 0; length--) {
      await truncate(path, length);
      const { code } = await errorOf(path);
      expect(code).toBe(length === 0 ? "empty" : "truncated");
    }
  });

  it("throws only a GgufError for any bytes after a good beginning", async () => {
    const path = await fileOf(Buffer.alloc(0));
    const intro = Buffer.concat([Buffer.from("GGUF"), u32(3)]);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
        await writeFile(path, Buffer.concat([intro, noise]));
        await errorOf(path);
      }),
    );
  });

  it("accepts the file or throws a GgufError, whichever byte of the header is changed", async () => {
    const good = writeGguf();
    const path = await fileOf(good);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 300), fc.nat(255), async (position, value) => {
        const bytes = Buffer.from(good);
        bytes[position] = value;
        await writeFile(path, bytes);
        await checkGguf(path).catch((error: unknown) => expect(error).toBeInstanceOf(GgufError));
      }),
    );
  });

  const huge = 0xffff_ffff_ffff_fff0n;
  const hostile: Record<string, GgufOptions> = {
    "tensors without number": { tensorCount: huge },
    "keys without number": { keyCount: huge },
    "a string without end": {
      metadata: [
        ["general.architecture", { type: "raw", typeId: 8, bytes: Buffer.concat([u64(huge), Buffer.alloc(64)]) }],
      ],
    },
    "a vocabulary without end": {
      metadata: [["a", { type: "raw", typeId: 9, bytes: Buffer.concat([u32(8), u64(huge), Buffer.alloc(64)]) }]],
    },
    "numbers without end": {
      metadata: [["a", { type: "raw", typeId: 9, bytes: Buffer.concat([u32(10), u64(huge)]) }]],
    },
    "an array of arrays": {
      metadata: [["a", { type: "raw", typeId: 9, bytes: Buffer.concat([u32(9), u64(1n), u32(9), u64(1n)]) }]],
    },
    "an unknown type of value": { metadata: [["a", { type: "raw", typeId: 77, bytes: Buffer.alloc(8) }]] },
    "the same key twice": { metadata: [...TINY_METADATA, ["general.name", text("again")]] },
    "the same tensor twice": { tensors: TINY_TENSORS.map((tensor) => ({ ...tensor, name: "same" })) },
    "an alignment of zero": { metadata: [...TINY_METADATA, ["general.alignment", uint32(0)]] },
    "an alignment that is no power of two": { metadata: [...TINY_METADATA, ["general.alignment", uint32(48)]] },
    "an alignment in words": { metadata: [...TINY_METADATA, ["general.alignment", text("32")]] },
    "a tensor with ten dimensions": {
      tensors: [{ name: "w", shape: Array.from({ length: 10 }, () => 1), typeId: 0, byteCount: 4 }],
    },
    "a tensor larger than any number": {
      tensors: [{ name: "w", shape: [2 ** 40, 2 ** 40], typeId: 0, byteCount: 4 }],
    },
    "a row that fills no blocks": { tensors: [{ name: "w", shape: [33], typeId: 8, byteCount: 34 }] },
    "tensors that lie over one another": {
      tensors: [
        { name: "a", shape: [8], typeId: 0, byteCount: 32 },
        { name: "b", shape: [8], typeId: 0, byteCount: 32, offset: 0n },
      ],
    },
    "a name that is too long": { tensors: [{ name: "n".repeat(64), shape: [8], typeId: 0, byteCount: 32 }] },
    "no architecture": { metadata: [["general.name", text("nameless")]] },
    "no tensors": { tensors: [] },
  };
  it.each(Object.entries(hostile))("refuses %s as damaged", async (_, options) => {
    expect(await codeOf(options)).toBe("malformed");
  });
});

describe("checkGguf on a model in parts", () => {
  async function parts(count: number, without: readonly number[] = []): Promise<string> {
    const folder = await tempDir();
    const nameOf = (index: number) => `big-0000${index}-of-0000${count}.gguf`;
    for (let index = 1; index <= count; index++) {
      if (!without.includes(index)) await writeFile(join(folder, nameOf(index)), writeGgufPart(index, count));
    }
    return join(folder, nameOf(1));
  }

  it("adds the parts up", async () => {
    const path = await parts(3);
    const sizeBytes = [1, 2, 3].reduce((sum, index) => sum + writeGgufPart(index, 3).length, 0);
    expect(await checkGguf(path)).toMatchObject({ split: { index: 1, count: 3 }, parameterCount: 24, sizeBytes });
  });

  it("names the parts that are missing", async () => {
    const error = await errorOf(await parts(4, [2, 4]));
    expect(error.code).toBe("split_parts_missing");
    expect(error.message).toContain("big-00002-of-00004.gguf, big-00004-of-00004.gguf.");
  });

  it("finds a later part that is cut short", async () => {
    const path = await parts(2);
    const second = path.replace("00001-of", "00002-of");
    await truncate(second, 100);
    expect(await errorOf(path)).toMatchObject({ code: "truncated", path: second });
  });

  it("asks for the first part when it gets another", async () => {
    const path = await parts(2);
    const error = await errorOf(path.replace("00001-of", "00002-of"));
    expect(error.code).toBe("not_first_part");
    expect(error.message).toContain("big-00001-of-00002.gguf");
  });

  it("says that a part under another name hides the rest", async () => {
    const error = await errorOf(await fileOf(writeGgufPart(1, 3), "renamed.gguf"));
    expect(error.code).toBe("split_parts_missing");
    expect(error.message).toContain("-00001-of-00003.gguf");
  });
});
