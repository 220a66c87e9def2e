import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCatalogue } from "../../src/models/catalogue.ts";
import { UnknownModelError } from "../../src/models/errors.ts";
import type { ModelReference, RemoteReference } from "../../src/models/reference.ts";
import { resolveModel } from "../../src/models/resolve.ts";

const catalogue = await loadCatalogue();
const options = { cwd: "/somewhere", home: "/home/me" };

function resolveName(name: string): ModelReference {
  return resolveModel(name, catalogue, options);
}

function remote(name: string): RemoteReference {
  const reference = resolveName(name);
  if (reference.type !== "remote") throw new Error(`${name} is ${reference.type}`);
  return reference;
}

function errorOf(name: string): UnknownModelError {
  try {
    resolveName(name);
  } catch (error) {
    if (error instanceof UnknownModelError) return error;
    throw error;
  }
  throw new Error(`expected ${name} to be unknown`);
}

describe("resolveModel for catalogue names", () => {
  it("gives the entry's sources in order, its size and its hash", () => {
    const reference = remote("smollm2-135m-instruct");
    expect(reference).toMatchObject({
      id: "smollm2-135m-instruct",
      aliases: ["smollm2", "smollm2-135m"],
      stem: "smollm2-135m-instruct-Q4_1",
      sizeBytes: 98_362_432,
    });
    expect(reference.sources.map(({ type }) => type)).toEqual(["hub", "python-packages"]);
  });

  it.each(["SmolLM2", " smollm2-135M-INSTRUCT "])("finds %j by alias, in any case", (name) => {
    expect(resolveName(name).id).toBe("smollm2-135m-instruct");
  });

  it("lists what exists for an unknown name, guesses, and says what else is accepted", () => {
    const error = errorOf("smolm2");
    expect(error.message).toContain("Did you mean smollm2?");
    expect(error.message).toContain("gemma-3-270m, qwen3-0.6b");
    expect(error.message).toContain("hf:owner/repo:QUANT");
    expect(error.available).toContain("qwen3-8b");
  });

  it.each(["", "  ", "gpt-5", "C", "owner/repo", "ftp://a.test/x"])("does not know %j", (name) => {
    expect(errorOf(name).model).toBe(name.trim());
  });
});

describe("resolveModel for hub URIs", () => {
  it("takes a quantization, in any case", () => {
    expect(remote("hf:Qwen/Qwen3-0.6B-GGUF:q8_0")).toMatchObject({
      id: "Qwen/Qwen3-0.6B-GGUF:Q8_0",
      aliases: ["hf:Qwen/Qwen3-0.6B-GGUF:q8_0"],
      stem: "Qwen--Qwen3-0.6B-GGUF--Q8_0",
      sources: [{ type: "hub", repo: "Qwen/Qwen3-0.6B-GGUF", file: { type: "quantization", quantization: "Q8_0" } }],
    });
  });

  it("takes Q4_K_M when none is named, as llama.cpp does", () => {
    expect(resolveName("hf:Qwen/Qwen3-4B-GGUF").id).toBe("Qwen/Qwen3-4B-GGUF:Q4_K_M");
  });

  it("takes a file in a folder, and calls the model by its name", () => {
    expect(remote("hf:owner/repo/UD-Q4/big-00001-of-00003.gguf")).toMatchObject({
      id: "big",
      stem: "owner--repo--UD-Q4--big",
      sources: [{ file: { type: "path", path: "UD-Q4/big-00001-of-00003.gguf" } }],
    });
  });

  it.each([
    "hf:",
    "hf:owner",
    "hf:owner/",
    "hf:../repo:Q8_0",
    "hf:o/r/../../x.gguf",
    "hf:o/r/file.bin",
    "hf:o/r:",
    "hf:o/r:-x",
  ])("refuses %s and shows the form", (uri) => {
    expect(errorOf(uri).message).toContain("is not accepted");
  });
});

describe("resolveModel for URLs", () => {
  it("names the model after the file, and keeps files of one name from two places apart", () => {
    const one = remote("https://one.test/models/tiny.Q8_0.gguf");
    const two = remote("https://two.test/models/tiny.Q8_0.gguf");
    expect(one.id).toBe("tiny.Q8_0");
    expect(one.stem).toMatch(/^tiny\.Q8_0-[0-9a-f]{8}$/);
    expect(one.stem).not.toBe(two.stem);
  });

  it("takes any part of a split model for the whole", () => {
    const first = remote("https://a.test/m-00001-of-00002.gguf");
    expect(first.id).toBe("m");
    expect(remote("https://a.test/m-00002-of-00002.gguf")).toEqual(first);
  });

  it("takes the address of a file's page on the hub for the file", () => {
    expect(remote("https://huggingface.co/o/r/blob/main/x.gguf")).toEqual(
      remote("https://huggingface.co/o/r/resolve/main/x.gguf"),
    );
  });

  it.each(["http://127.0.0.1:9/x.gguf", "http://localhost/x.gguf", "http://[::1]/x.gguf"])(
    "takes %s on this machine",
    (url) => {
      expect(resolveName(url).id).toBe("x");
    },
  );

  it.each([
    ["http://models.test/x.gguf", "use https:"],
    ["http://127.0.0.1.evil.test/x.gguf", "use https:"],
    ["https://me:secret@models.test/x.gguf", "HF_TOKEN"],
    ["https://", "not a valid URL"],
  ])("refuses %s", (url, reason) => {
    const { message } = errorOf(url);
    expect(message).toContain(reason);
    expect(message).not.toContain("secret");
  });
});

describe("resolveModel for paths", () => {
  it.each([
    ["/models/Tiny.Q8_0.gguf", "/models/Tiny.Q8_0.gguf", "Tiny.Q8_0"],
    ["./tiny.gguf", "/somewhere/tiny.gguf", "tiny"],
    ["../tiny.gguf", "/tiny.gguf", "tiny"],
    ["~/m/tiny.GGUF", "/home/me/m/tiny.GGUF", "tiny"],
    ["sub/tiny.gguf", "/somewhere/sub/tiny.gguf", "tiny"],
    ["/models/no-ending", "/models/no-ending", "no-ending"],
    ["/m/big-00001-of-00002.gguf", "/m/big-00001-of-00002.gguf", "big"],
  ])("accepts %s", (name, path, id) => {
    expect(resolveName(name)).toEqual({ type: "local", id, aliases: [], path: resolve(path) });
  });
});

describe("the file name of a model", () => {
  const word = fc.stringMatching(/^[\w.%~ -]{1,40}$/);
  const inputs = fc.oneof(
    fc.tuple(word, word, word).map(([owner, repo, quantization]) => `hf:${owner}/${repo}:${quantization}`),
    fc.tuple(word, word, fc.string()).map(([owner, repo, path]) => `hf:${owner}/${repo}/${path}.gguf`),
    fc.string().map((path) => `https://models.test/${path}`),
    fc
      .constantFrom("..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e", "a\\..\\b", "x".repeat(2000))
      .map((path) => `https://m.test/${path}`),
  );

  it("never leads out of the models folder, whatever the URI", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        let reference: ModelReference;
        try {
          reference = resolveModel(input, catalogue, options);
        } catch (error) {
          expect(error).toBeInstanceOf(UnknownModelError);
          return;
        }
        if (reference.type === "local") return;
        expect(reference.stem).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,179}$/);
        expect(join("/models", `${reference.stem}.gguf`).startsWith("/models/")).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
