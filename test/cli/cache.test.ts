import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { createTestApp, listen } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

/** A gateway that listens, with a cache that notes what it was asked to forget. */
async function setUp() {
  const cleared: unknown[] = [];
  const { app } = createTestApp({
    cache: {
      stats: () => ({
        entries: 3,
        bytes: 2_048,
        maxBytes: 1_048_576,
        hits: 7,
        semanticHits: 3,
        misses: 4,
        collapsed: 1,
        bypassed: 2,
      }),
      clear: (which) => cleared.push(which),
    },
  });
  return { cleared, server: await listen(app) };
}

async function sluice(env: NodeJS.ProcessEnv, ...words: string[]) {
  const context = fakeContext({ env });
  const exitCode = await run(words, context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

describe("sluice cache", () => {
  it("tells what a running gateway's cache holds, as a table and as JSON", async () => {
    const { server } = await setUp();
    await using _ = server;
    const { stdout } = await sluice({ SLUICE_PORT: String(server.port) }, "cache", "stats");
    expect(stdout).toMatch(/^ANSWERS +MEMORY +AT MOST +HITS .*\n +3 +2\.0 KiB +1\.0 MiB +7 +3 +4 +1 +2 +0\n$/);
    const { stdout: json } = await sluice({}, "cache", "stats", "--json", "--url", `${server.url}/`);
    expect(JSON.parse(json)).toMatchObject({ entries: 3, max_bytes: 1_048_576, hits: 7 });
  });

  it("has it forget all answers, or some", async () => {
    const { server, cleared } = await setUp();
    await using _ = server;
    const all = await sluice({}, "cache", "clear", "--url", server.url);
    expect(all.stderr).toBe("1 answer was forgotten.\n");
    const some = await sluice({}, "cache", "clear", "--url", server.url, "--model", "one", "--key", "key_1", "--json");
    expect(JSON.parse(some.stdout)).toEqual({ deleted: 2 });
    expect(cleared).toEqual([{}, { model: "one", key: "key_1" }]);
  });

  it("says where it looked when no gateway answers, and takes an admin's key from the environment", async () => {
    const { server } = await setUp();
    const { url } = server;
    await server[Symbol.asyncDispose]();
    const { exitCode, stderr } = await sluice({ SLUICE_ADMIN_KEY: "sk-secret" }, "cache", "stats", "--url", url);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`No gateway answers at ${url}.`);
    expect(stderr).not.toContain("sk-secret");
  });
});
