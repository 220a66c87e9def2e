import { describe, expect, it } from "vitest";
import type { CacheControl } from "../../src/cache/stats.ts";
import { run } from "../../src/cli/run.ts";
import { createTestApp, listen } from "../http/support.ts";
import { preset } from "../prompts/support.ts";
import { fakeContext } from "./fake-context.ts";

/** A gateway that listens, with a cache that notes what it was asked to forget. */
async function setUp(shared?: CacheControl["shared"]) {
  const cleared: unknown[] = [];
  const warmed: unknown[] = [];
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
      ...(shared && { shared }),
    },
    presets: [preset("", "greet"), preset("", "rate")],
    warmUp: {
      add: (ids) => void warmed.push([...ids]),
      state: () => ({ waiting: 2, isRunning: true, answers: 3, prefixes: 4 }),
    },
  });
  return { cleared, warmed, server: await listen(app) };
}

async function sluice(env: NodeJS.ProcessEnv, ...words: string[]) {
  const context = fakeContext({ env });
  const exitCode = await run(words, context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

describe("sluice cache", () => {
  it("shows a running gateway's cache, as a table and as JSON", async () => {
    const { server } = await setUp();
    await using _ = server;
    const { stdout } = await sluice({ SLUICE_PORT: String(server.port) }, "cache", "stats");
    expect(stdout).toMatch(/^ANSWERS +MEMORY +AT MOST +HITS .*\n +3 +2\.0 KiB +1\.0 MiB +7 +3 +4 +1 +2 +2\n$/);
    const { stdout: json } = await sluice({}, "cache", "stats", "--json", "--url", `${server.url}/`);
    expect(JSON.parse(json)).toMatchObject({ entries: 3, max_bytes: 1_048_576, hits: 7 });
  });

  it("has it forget all answers, or some", async () => {
    const { server, cleared } = await setUp();
    await using _ = server;
    const all = await sluice({}, "cache", "clear", "--url", server.url);
    expect(all.stderr).toBe("1 answer was removed.\n");
    const some = await sluice({}, "cache", "clear", "--url", server.url, "--model", "one", "--key", "key_1", "--json");
    expect(JSON.parse(some.stdout)).toEqual({ deleted: 2 });
    expect(cleared).toEqual([{}, { model: "one", key: "key_1" }]);
  });

  it("reports the shared level, and fails when that could not be cleared", async () => {
    const removed = { deleted: 5, isComplete: true };
    const { server } = await setUp({
      stats: () => ({ isUp: false, found: 6, missed: 7 }),
      clear: async () => removed,
    });
    await using _ = server;
    const stats = await sluice({}, "cache", "stats", "--url", server.url);
    expect(stats.stdout).toContain("Redis is unavailable now: 6 hits, 7 misses.\n");
    const all = await sluice({}, "cache", "clear", "--url", server.url);
    expect(all).toMatchObject({ exitCode: 0, stderr: "1 answer was removed.\n5 answers were removed from Redis.\n" });
    removed.isComplete = false;
    const some = await sluice({}, "cache", "clear", "--url", server.url);
    expect(some.exitCode).toBe(1);
    expect(some.stderr).toContain("Some answers may remain in Redis");
    const json = await sluice({}, "cache", "clear", "--url", server.url, "--json");
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toEqual({ deleted: 3, shared: { deleted: 5, complete: false } });
  });

  it("has it forget a preset's answers, and warm presets", async () => {
    const { server, cleared, warmed } = await setUp();
    await using _ = server;
    await sluice({}, "cache", "clear", "--url", server.url, "--preset", "rate");
    expect(cleared).toEqual([{ preset: "rate" }]);
    const all = await sluice({}, "cache", "warm", "--url", server.url);
    expect(all.stderr).toBe(
      "2 presets are being warmed while the gateway is idle. `npm run sluice -- cache stats` shows how many are left.\n",
    );
    const one = await sluice({}, "cache", "warm", "--url", server.url, "--preset", "rate", "--json");
    expect(JSON.parse(one.stdout)).toEqual({ presets: ["rate"] });
    expect(warmed).toEqual([["greet", "rate"], ["rate"]]);
    const none = await sluice({}, "cache", "warm", "--url", server.url, "--preset", "nope");
    expect(none.exitCode).toBe(4);
    expect(none.stderr).toContain("Available: preset/greet, preset/rate.");
    expect((await sluice({}, "cache", "stats", "--url", server.url)).stdout).toMatch(/ 2\n$/);
  });

  it("names the URL when no gateway answers, and takes an admin's key from the environment", async () => {
    const { server } = await setUp();
    const { url } = server;
    await server[Symbol.asyncDispose]();
    const { exitCode, stderr } = await sluice({ SLUICE_ADMIN_KEY: "sk-secret" }, "cache", "stats", "--url", url);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`No gateway responds at ${url}.`);
    expect(stderr).not.toContain("sk-secret");
  });
});
