import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { createTestApp, listen, script, servedModel } from "../http/support.ts";
import { preset } from "../prompts/support.ts";
import { fakeContext } from "./fake-context.ts";

const load = async () => {};

async function sluice(...words: string[]) {
  const context = fakeContext({ env: {} });
  const exitCode = await run(words, context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

describe("sluice ps", () => {
  it("shows a running gateway's own models, as a table and as JSON", async () => {
    const model = (id: string, given: object) => servedModel(script([]), { id, aliases: [], load, ...given });
    const { app } = createTestApp({
      models: [
        model("stays", { residence: () => ({ memoryBytes: 600 * 1024 ** 2 }) }),
        model("pinned", { residence: () => ({ memoryBytes: 100 * 1024 ** 2, isPinned: true }) }),
        model("owner/repo:Q8_0", { residence: () => ({ memoryBytes: 2 * 1024 ** 3, unloadInMs: 200_000 }) }),
        model("away", { state: () => "unloaded" }),
        servedModel(script([]), {
          id: "elsewhere",
          aliases: [],
          upstream: { name: "up", kind: "vllm", gatewayId: () => undefined, isLocal: false },
        }),
      ],
      presets: [preset("", "greet")],
    });
    await using server = await listen(app);
    const { stdout, stderr } = await sluice("ps", "--url", server.url);
    expect(stderr).toBe("");
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(rows).toEqual([
      ["MODEL", "STATE", "MEMORY", "UNLOADED"],
      ["stays", "ready", "600 MiB", "only to make room"],
      ["pinned", "ready", "100 MiB", "never"],
      ["owner/repo:Q8_0", "ready", "2.0 GiB", "in 3 min 20 s"],
      ["away", "unloaded"],
    ]);
    const json = JSON.parse((await sluice("ps", "--json", "--url", server.url)).stdout);
    expect(json).toMatchObject([
      { id: "stays" },
      { isPinned: true },
      { memoryBytes: 2 * 1024 ** 3 },
      { state: "unloaded" },
    ]);
  });

  it("says that there is no gateway", async () => {
    const { exitCode, stderr } = await sluice("ps", "--url", "http://127.0.0.1:9");
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining("No gateway responds at http://127.0.0.1:9")]);
  });
});
