import { describe, expect, it } from "vitest";
import { doctor, type Probes } from "../../../src/cli/doctor.ts";
import { CommandError } from "../../../src/cli/errors.ts";
import type { Flags } from "../../../src/config/load.ts";
import type { GpuChoice } from "../../../src/engine/contract/messages.ts";
import type { Inspection } from "../../../src/engine/host/inspect.ts";
import { fakeContext } from "../fake-context.ts";
import { BINDING, CUDA, GIB, HERE, installed, MODEL, probes, refused } from "./support.ts";

async function examine(
  overrides: Partial<Probes> = {},
  flags: Flags = {},
  inspections: Partial<Record<GpuChoice, Inspection>> = {},
) {
  const context = fakeContext();
  const exitCode = await doctor(flags, context, probes(overrides, inspections));
  return { exitCode, text: context.stdout.text(), lines: context.stdout.text().split("\n") };
}

describe("sluice doctor", () => {
  it("shows on a healthy machine what Sluice will use, and exits with 0", async () => {
    const { exitCode, text } = await examine();
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^✔ Sluice {2,}\d+\.\d+\.\d+ on Node 24\.21\.0, linux x64$/m);
    expect(text).toMatch(/^✔ llama\.cpp {2,}v0\.5\.0, by node-llama-cpp /m);
    expect(text).toMatch(/^✔ device {2,}the CPU runs the model \(--gpu auto\)$/m);
    expect(text).toMatch(/^✔ processor {2,}Test CPU, 4 cores for arithmetic, SSE3 AVX2 FMA$/m);
    expect(text).toMatch(/^✔ model {2,}small, llama, Q4_1, 100 MiB: header and size checked$/m);
    expect(text).toMatch(/^✔ memory {2,}8\.0 GiB of 16\.0 GiB free, about /m);
    expect(text).toMatch(/^✔ address {2,}127\.0\.0\.1, port 8080 is free$/m);
    expect(text).toMatch(/\n\nSluice can serve here\.\n$/);
    expect(text).not.toMatch(/^[!✖]/m);
  });

  it("aligns its output", async () => {
    const { lines } = await examine();
    const column = "✔ models folder  ".length;
    const findings = lines.slice(0, lines.indexOf(""));
    expect(findings.length).toBeGreaterThan(5);
    for (const line of findings) expect(line.slice(column - 2, column + 1)).toMatch(/^ {2}\S/);
  });

  it("prints the same in JSON, with details", async () => {
    const { exitCode, text } = await examine({}, { json: true });
    expect(exitCode).toBe(0);
    expect(JSON.parse(text)).toMatchObject({
      canServe: true,
      checks: expect.arrayContaining([{ name: "address", level: "good", message: "127.0.0.1, port 8080 is free" }]),
      machine: { node: "24.21.0", memory: { availableBytes: 8 * GIB }, processor: { mathCores: 4 } },
      llamaCpp: { chosen: { backend: "cpu" }, tried: { cuda: { type: "refused" }, vulkan: { type: "refused" } } },
    });
  });
});

describe("the backends", () => {
  it("are all listed, with the reasons that they are not used", async () => {
    const { text } = await examine();
    expect(text).toMatch(
      /^– CUDA {2,}not used: there is no NVIDIA driver here \(not found: libcuda\.so\.1, libcudart.*install NVIDIA's driver/m,
    );
    expect(text).toMatch(
      /^– Vulkan {2,}not used: there is no Vulkan driver here \(not found: libvulkan\.so\.1\)\. .*mesa-vulkan/m,
    );
    expect(text).toMatch(/^– Metal {2,}not used: Metal is for Macs with Apple's processors$/m);
    expect(text).not.toMatch(/^– CPU/m);
  });

  it("name the GPU that runs the model, and its memory", async () => {
    const { text } = await examine({}, {}, { auto: CUDA });
    expect(text).toMatch(
      /^✔ device {2,}CUDA runs the model: NVIDIA H100, 78\.0 GiB of 80\.0 GiB free \(--gpu auto\)$/m,
    );
    expect(text).toMatch(/^– CPU {2,}works too/m);
  });

  it("report a crash without crashing", async () => {
    const crashed = {
      type: "crashed",
      reason: "the engine's process was ended by SIGSEGV",
      lastLines: ["boom"],
    } as const;
    const { exitCode, text } = await examine({}, {}, { vulkan: crashed });
    expect(exitCode).toBe(0);
    expect(text).toContain("not used: it crashes: the engine's process was ended by SIGSEGV; its last output: boom");
  });

  it("distinguish a missing driver from a missing runtime", async () => {
    const { text } = await examine({}, {}, { cuda: refused(undefined, "libcudart.so.13", "libcudart.so.12") });
    expect(text).toMatch(
      /^– CUDA {2,}not used: there is a driver, but no runtime for it \(not found: libcudart\.so\.13, libcudart\.so\.12; one.*install the libraries of CUDA 13/im,
    );
  });

  it("repeat the loader's message about a library that does not load", async () => {
    const tooNew = "/lib/libm.so.6: version `GLIBC_2.38' not found";
    const linkErrors = { addon: tooNew, variants: [] };
    const { exitCode, text } = await examine({}, {}, { auto: { type: "refused", reason: "no", linkErrors } });
    expect(exitCode).toBe(1);
    expect(text).toContain(`does not open with --gpu auto: llama.cpp itself does not load: ${tooNew}`);
  });

  it("distinguish a missing driver from a missing device", async () => {
    const { text } = await examine({}, {}, { vulkan: refused() });
    expect(text).toMatch(/^– Vulkan {2,}not used: its libraries load, but it finds no usable device\. .*vulkaninfo/m);
  });

  it("report a GPU that --gpu auto does not see", async () => {
    const { text } = await examine({}, {}, { cuda: CUDA });
    expect(text).toMatch(/^– CUDA {2,}works, and --gpu auto does not see that: .*; --gpu cuda selects it$/m);
  });

  it("are a problem when the requested one does not open", async () => {
    const { exitCode, text } = await examine({}, { gpu: "cuda" });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ device {2,}llama\.cpp does not open with --gpu cuda: there is no NVIDIA driver here/m);
    expect(text).toMatch(/→ Fix that, or start with --gpu auto/);
    expect(text).toMatch(/^– CPU {2,}works; --gpu off selects it$/m);
    expect(text).not.toMatch(/^– CUDA/m);
    expect(text).toMatch(/Sluice can't serve here: 1 problem found\.\n$/);
  });

  it("are a problem when their packages are missing", async () => {
    const missing = { state: "missing", package: "@node-llama-cpp/linux-x64" } as const;
    const programs = { cpu: missing, cuda: missing, vulkan: missing, metal: { state: "unavailable" } } as const;
    const { exitCode, text } = await examine(
      { findBinding: () => ({ ...BINDING, programs }) },
      {},
      { auto: refused() },
    );
    expect(exitCode).toBe(1);
    expect(text).toMatch(/→ Run `npm ci`, without --omit=optional/);
    expect(text).toMatch(/^– CPU {2,}not used: @node-llama-cpp\/linux-x64 is not installed; `npm ci` installs it$/m);
  });

  it("are not checked when there is no binding at all", async () => {
    const { exitCode, text } = await examine({ findBinding: () => undefined });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ llama\.cpp {2,}node-llama-cpp is not installed$/m);
  });

  it("are a problem with another version of the binding", async () => {
    const { exitCode, text } = await examine({ findBinding: () => ({ ...BINDING, version: "3.0.0" }) });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ llama\.cpp {2,}node-llama-cpp is 3\.0\.0, and Sluice needs /m);
  });

  it("are each checked once, and only if installed", async () => {
    const asked: unknown[] = [];
    const programs = { ...BINDING.programs, vulkan: { state: "missing", package: "p" } as const, cuda: installed("c") };
    const base = probes();
    await examine({
      findBinding: () => ({ ...BINDING, programs }),
      inspectBackend: (choice, libraries) => {
        asked.push([choice, libraries]);
        return base.inspectBackend(choice, libraries);
      },
    });
    expect(asked).toEqual([
      ["auto", { addon: "/linux-x64/addon", variants: [] }],
      ["cuda", { addon: "/c/addon", variants: [] }],
    ]);
  });
});

describe("threads", () => {
  it("beyond the cores get a warning", async () => {
    const { exitCode, text } = await examine({}, { threads: "8" });
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^! threads {2,}8 threads for each model \(--threads 8\), and 4 cores to run them$/m);
    expect(text).toMatch(/→ Start with --threads 4\./);
    expect(text).toMatch(/Sluice can serve here; 1 warning\.\n$/);
  });

  it("of a machine get one in a container that has a part of it", async () => {
    const { text } = await examine({ usableCores: 2 });
    expect(text).toMatch(/^! threads {2,}4 threads for each model \(--threads auto\), and 2 cores/m);
  });

  it("that several models would share get one", async () => {
    const { text } = await examine({}, { model: ["a", "b"] });
    expect(text).toMatch(/^! threads {2,}2 models of 4 threads each share 4 cores$/m);
    expect(text).toContain("start with --threads 2.");
  });
});

describe("memory", () => {
  it("is counted as file, slots and process", async () => {
    const { text } = await examine();
    // 4 slots × 4,096 tokens × 23,040 bytes.
    expect(text).toContain("(100 MiB of model files, 360 MiB of slots, 256 MiB beside)");
  });

  it("that is too small for the slots alone is a problem, with a way out", async () => {
    const { exitCode, text } = await examine({}, { slots: "64", context: "8192" });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ memory {2,}about 1\d\.\d GiB needed .*: the slots alone don't fit$/m);
    expect(text).toContain("→ Take fewer slots than 64, a smaller --context than 8192, or a smaller model.");
  });

  it("that is too small for the file is a warning: the file can be read again", async () => {
    const large = { ...MODEL, sizeBytes: 9 * GIB };
    const { exitCode, text } = await examine({
      findModels: async () => [{ ...HERE, state: "here", model: large, hash: "unknown" }],
    });
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^! memory .*parts of the model are read from the disk again and again$/m);
  });

  it("of the GPU counts when a GPU runs the model", async () => {
    const full = { ...CUDA, deviceMemory: { totalBytes: 2 * GIB, freeBytes: GIB / 4 } };
    const { exitCode, text } = await examine({}, {}, { auto: full });
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^! memory .*layers that don't fit stay on the CPU, which is slower$/m);
  });

  it("that can't be estimated is reported as unknown", async () => {
    const { kvBytesPerToken: _, ...gguf } = MODEL.gguf;
    const { text } = await examine({
      findModels: async () => [{ state: "here", model: { ...MODEL, gguf }, hash: "unknown" }],
    });
    expect(text).toMatch(/^! +the slots of small can't be estimated from the file's header$/m);
  });
});

describe("models", () => {
  it("that aren't downloaded yet are a warning: a start downloads them", async () => {
    const { exitCode, text } = await examine({
      findModels: async () => [{ state: "absent", id: "far", sizeBytes: 100 * 1024 ** 2 }],
    });
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^! model {2,}far is not downloaded yet$/m);
    expect(text).toContain("→ The next start downloads it (100 MiB), or `npm run sluice -- pull far` now.");
  });

  it("that must be downloaded are a problem when there is no room for them", async () => {
    const { exitCode, text } = await examine({
      findModels: async () => [{ state: "absent", id: "far", sizeBytes: 200 * GIB }],
    });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ models folder {2,}.*100 GiB free, and 200 GiB are to be downloaded$/m);
  });

  it("that must be downloaded are a problem when the folder is not writable", async () => {
    const lookAtFolder = async (path: string) => ({ path, exists: true, writable: false, freeBytes: GIB });
    const { exitCode, text } = await examine({
      lookAtFolder,
      findModels: async () => [{ state: "absent", id: "far", sizeBytes: 1 }],
    });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ models folder {2,}\/nowhere\/models can't be written to by this user/m);
  });

  it("that can't be used are a problem, in the words of a start", async () => {
    const { exitCode, text } = await examine({
      findModels: async () => [{ state: "unusable", name: "x", reason: 'There is no model "x".' }],
    });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ model {2,}x: There is no model "x"\.$/m);
  });

  it("with a wrong hash are a problem", async () => {
    const { exitCode, text } = await examine(
      { findModels: async () => [{ state: "here", model: MODEL, hash: "different" }] },
      { verify: true },
    );
    expect(exitCode).toBe(1);
    expect(text).toContain("the SHA-256 of /models/small.gguf is not the catalogue's");
  });
});

describe("an address that can't be had", () => {
  it("is a problem, with a way out", async () => {
    const { exitCode, text } = await examine({
      checkAddress: async () => {
        throw new CommandError(
          "Port 8080 on 127.0.0.1 is used by another program. Stop that one, or take another port.",
        );
      },
    });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ address {2,}Port 8080 on 127\.0\.0\.1 is used by another program$/m);
    expect(text).toContain("→ Stop that one, or take another port.");
  });
});

describe("an address that others reach", () => {
  it("is a problem without keys, and none with a key", async () => {
    const without = await examine({}, { host: "0.0.0.0" });
    expect(without.exitCode).toBe(1);
    expect(without.text).toMatch(/^✖ host .*there are no keys$/m);
    const withOne = await examine({ hasKeys: () => true }, { host: "0.0.0.0" });
    expect(withOne.text).not.toMatch(/ host /);
  });
});

describe("settings that work against each other", () => {
  it("are a problem when an alias names a model that isn't served", async () => {
    const { exitCode, text } = await examine({}, { aliases: ["gpt-4o=other"] });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ aliases .*'gpt-4o' refers to 'other', which is not served. Served models: small\./m);
  });

  it("are a problem when they name a model that isn't served", async () => {
    const { exitCode, text } = await examine({}, { perModel: ["other.slots=1"] });
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^✖ models .*--per-model names other, which is not served/m);
  });

  it.each<[string, Flags, RegExp]>([
    [
      "a model's own context beyond it",
      { perModel: ["SMALL.context=16384"] },
      /^! context .*more than the 8192 tokens that small was trained for/m,
    ],
    [
      "a context beyond the model's",
      { context: "16384" },
      /^! context .*more than the 8192 tokens that small was trained for/m,
    ],
    [
      "fewer requests than slots",
      { maxPending: "2" },
      /^! slots .*--max-pending 2 allows fewer requests than there are slots \(4\)/m,
    ],
    ["a chunk that is no whole tile", { prefillChunk: "100" }, /^! prefill chunk .*not a multiple of 64/m],
    ["answers to share nowhere", { redisShares: ["answers"] }, /^! Redis .*no --redis-url is set$/m],
    [
      "a name that has changed",
      { cacheRedisTimeoutMs: "40" },
      /^! setting .*--cache-redis-timeout-ms has another name now\n.*Write --redis-timeout-ms instead\.$/m,
    ],
    ["an address for everybody, without keys", { host: "0.0.0.0", insecure: true }, /^! host .*there are no keys$/m],
    [
      "more prefixes than the disk holds",
      { prefixStoreBytes: String(500 * GIB) },
      /^! prefixes .*100 GiB free, and prefixes may take 500 GiB$/m,
    ],
  ])("get a warning: %s", async (_, flags, expected) => {
    const { exitCode, text } = await examine({}, flags);
    expect(exitCode).toBe(0);
    expect(text).toMatch(expected);
  });
});
