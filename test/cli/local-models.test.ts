import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { createTestApp, listen, script, servedModel } from "../http/support.ts";
import { writeGguf } from "../models/support/gguf-writer.ts";
import { tempDir } from "../models/support/temp-dir.ts";
import { fakeContext } from "./fake-context.ts";

/** Nothing listens on port 9 of this machine. */
const NOWHERE = "http://127.0.0.1:9";

async function setUp() {
  const folder = await tempDir();
  for (const name of ["owner--repo--Q8_0.gguf", "mine.gguf"]) await writeFile(join(folder, name), writeGguf());
  const sluice = async (...words: string[]) => {
    const context = fakeContext({ env: { SLUICE_MODELS_DIR: folder, SLUICE_URL: NOWHERE } });
    const exitCode = await run(words, context);
    return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
  };
  return { folder, sluice };
}

describe("sluice list", () => {
  it("shows what is in the models folder, and what can't be used there", async () => {
    const { folder, sluice } = await setUp();
    await writeFile(join(folder, "broken.gguf"), "no model");
    const { exitCode, stdout, stderr } = await sluice("list");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").map((line) => line.split(" ")[0])).toEqual(["NAME", "mine", "owner/repo:Q8_0", ""]);
    expect(stderr).toMatch(/broken\.gguf can't be used: /);
    const json = JSON.parse((await sluice("list", "--json")).stdout);
    expect(json).toMatchObject([{ id: "mine", files: [join(folder, "mine.gguf")] }, { id: "owner/repo:Q8_0" }]);
  });

  it("says how to get a model where there is none", async () => {
    const { exitCode, stdout, stderr } = await (await setUp()).sluice("list", "--models-dir", "/nowhere");
    expect([exitCode, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("No model is in /nowhere. `npm run sluice -- models` lists");
  });
});

describe("sluice show", () => {
  it("shows what a file says, by the name that the list shows", async () => {
    const { folder, sluice } = await setUp();
    const { stdout } = await sluice("show", "Owner/Repo:q8_0");
    expect(stdout).toMatch(/^name +owner\/repo:Q8_0$/m);
    expect(stdout).toContain(join(folder, "owner--repo--Q8_0.gguf"));
    expect(JSON.parse((await sluice("show", "mine", "--json")).stdout)).toMatchObject({ id: "mine" });
  });

  it("says how to get one that isn't there", async () => {
    const { exitCode, stderr } = await (await setUp()).sluice("show", "gemma-3-270m");
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining("pull gemma-3-270m` downloads it.")]);
  });
});

describe("sluice rm", () => {
  it("removes models, all of them or none", async () => {
    const { folder, sluice } = await setUp();
    expect((await sluice("rm", "mine", "nosuch")).exitCode).toBe(4);
    expect(existsSync(join(folder, "mine.gguf"))).toBe(true);
    const { exitCode, stdout } = await sluice("rm", "mine", "owner/repo:Q8_0");
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^mine: removed .*\nowner\/repo:Q8_0: removed /)]);
    expect(existsSync(join(folder, "mine.gguf"))).toBe(false);
  });

  it("leaves alone what a running gateway serves, unless it is forced, and files of other folders", async () => {
    const { folder, sluice } = await setUp();
    await using server = await listen(createTestApp({ models: [servedModel(script([]), { id: "mine" })] }).app);
    const refused = await sluice("rm", "mine", "--url", server.url);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("mine is served by the gateway")]);
    expect((await sluice("rm", "mine", "--force", "--url", server.url)).exitCode).toBe(0);
    const elsewhere = await tempDir();
    await writeFile(join(elsewhere, "other.gguf"), writeGguf());
    const other = await sluice("rm", join(elsewhere, "other.gguf"));
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining(`not in the models folder ${folder}`)]);
  });
});
