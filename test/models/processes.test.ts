import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ensureModel, type LocalModel } from "../../src/models/ensure.ts";
import { resolveModel } from "../../src/models/resolve.ts";
import { writeLargeGguf } from "./support/gguf-writer.ts";
import { sendBeginning, sendFile, startServer } from "./support/server.ts";
import { tempDir } from "./support/temp-dir.ts";

const MODEL = writeLargeGguf(200_000);
const SENT = 50_000;
const CHILD = fileURLToPath(new URL("./support/ensure-child.ts", import.meta.url));
// Two processes that start on a busy machine take their time.
const LIMIT = { timeout: 60_000 };

async function runChild(url: string, modelsDir: string): Promise<LocalModel> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, url, modelsDir]);
  return JSON.parse(stdout);
}

function startChild(url: string, modelsDir: string): ChildProcess {
  const child = spawn(process.execPath, [CHILD, url, modelsDir], { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

describe("ensureModel in several processes", () => {
  it("fetches once for two processes at once", LIMIT, async () => {
    const server = await startServer((request, response) => sendFile(request, response, MODEL));
    const modelsDir = await tempDir();
    const url = `${server.origin}/m.gguf`;
    const [one, two] = await Promise.all([runChild(url, modelsDir), runChild(url, modelsDir)]);
    expect(two.path).toBe(one.path);
    expect((await readFile(one.path)).equals(MODEL)).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it("takes over from a process that was killed, and continues from where it stopped", LIMIT, async () => {
    let isFirst = true;
    const server = await startServer((request, response) => {
      if (!isFirst) return sendFile(request, response, MODEL);
      isFirst = false;
      sendBeginning(response, MODEL, SENT);
    });
    const modelsDir = await tempDir();
    const reference = resolveModel(`${server.origin}/m.gguf`, { models: [] });
    const stem = reference.type === "remote" ? reference.stem : "";
    const downloads = join(modelsDir, ".downloads");

    const child = startChild(`${server.origin}/m.gguf`, modelsDir);
    await vi.waitFor(async () => expect((await stat(join(downloads, `${stem}.gguf.part`))).size).toBe(SENT), 50_000);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await readdir(modelsDir)).toEqual([".downloads"]);
    // As if the ten seconds had passed in which its lock may still be renewed.
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(join(downloads, `${stem}.lock`), longAgo, longAgo);

    const model = await ensureModel(reference, { modelsDir, env: {} });
    expect((await readFile(model.path)).equals(MODEL)).toBe(true);
    expect(server.requests[1]?.headers.range).toBe(`bytes=${SENT}-`);
  });
});
