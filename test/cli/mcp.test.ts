import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { loadForeign } from "../../src/cli/foreign-folder.ts";
import { run } from "../../src/cli/run.ts";
import { answerWith, createTestApp, listen, script, servedModel } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

/** Runs `sluice mcp` and talks to it as a client. */
function start(words: readonly string[], given: Parameters<typeof fakeContext>[0] = {}) {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const context = { ...fakeContext(given), stdin, stdout };
  const answers = createInterface(stdout)[Symbol.asyncIterator]();
  const exitCode = run(["mcp", ...words], context);
  let id = 0;
  return {
    exitCode,
    context,
    stdin,
    async ask(method: string, params: object): Promise<unknown> {
      id += 1;
      stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
      return JSON.parse(String((await answers.next()).value));
    },
  };
}

const HELLO = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } };

describe("sluice mcp", () => {
  it("answers a client until it ends, from the cache too, with the models of the gateway", async () => {
    const cacheControls: (string | null)[] = [];
    const { app } = createTestApp({ models: [servedModel(script(answerWith(["Hi"])))] });
    await using server = await listen({
      fetch(request) {
        cacheControls.push(request.headers.get("cache-control"));
        return app.fetch(request);
      },
    });
    const mcp = start(["--url", server.url]);
    expect(await mcp.ask("initialize", HELLO)).toMatchObject({ id: 1, result: { serverInfo: { name: "sluice" } } });
    const call = { name: "generate", arguments: { prompt: "Hello" } };
    expect(await mcp.ask("tools/call", call)).toMatchObject({ id: 2, result: { content: [{ text: "Hi" }] } });
    mcp.stdin.end();
    expect(await mcp.exitCode).toBe(0);
    // `no-store` would keep the cache out of it.
    expect(cacheControls).not.toContain("no-store");
  });

  it("tells as a tool's answer that the gateway has gone, and lists the tools all the same", async () => {
    const mcp = start(["--url", "http://127.0.0.1:1"]);
    await mcp.ask("initialize", HELLO);
    expect(await mcp.ask("tools/list", {})).toMatchObject({
      result: { tools: [{ name: "generate" }, { name: "classify" }, { name: "embed" }, { name: "rerank" }] },
    });
    expect(await mcp.ask("tools/call", { name: "generate", arguments: { prompt: "Hello" } })).toMatchObject({
      result: { isError: true, content: [{ text: expect.stringContaining("No gateway responds at") }] },
    });
    mcp.stdin.end();
    expect(await mcp.exitCode).toBe(0);
  });

  it("ends at SIGTERM with its code", async () => {
    const mcp = start(["--url", "http://127.0.0.1:1"]);
    await mcp.ask("initialize", HELLO);
    mcp.context.process.emit("SIGTERM", "SIGTERM");
    expect(await mcp.exitCode).toBe(143);
  });

  it("ends when a message is larger than it takes", async () => {
    const mcp = start(["--url", "http://127.0.0.1:1"]);
    await mcp.ask("initialize", HELLO);
    mcp.stdin.write("x".repeat(17 * 1024 ** 2));
    expect(await mcp.exitCode).toBe(0);
    expect(mcp.context.stderr.text()).toContain("error: ");
  });

  it("says in a terminal that it is for programs", async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const context = { ...fakeContext(), stdin };
    expect(await run(["mcp", "--url", "http://127.0.0.1:1"], context)).toBe(2);
    expect(context.stderr.text()).toContain("an editor or an agent starts this command");
  });
});

/** A folder that an editor has opened, with settings and a preset that nobody here has written. */
function strangeFolder() {
  const folder = mkdtempSync(join(tmpdir(), "sluice-mcp-"));
  const settings =
    "upstreams:\n  - name: trap\n    url: http://127.0.0.1:1/v1\n    apiKeyEnv: SECRET\nnoSuchSetting: 1\n";
  writeFileSync(join(folder, "sluice.yaml"), settings);
  mkdirSync(join(folder, "prompts"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

describe("sluice mcp in a folder that others have written", () => {
  it("reads no settings from it, and says so", async () => {
    using strange = strangeFolder();
    const { app } = createTestApp({ models: [servedModel(script(answerWith(["Hi"])))] });
    await using server = await listen(app);
    const mcp = start(["--url", server.url], { cwd: strange.folder });
    await mcp.ask("initialize", HELLO);
    const call = { name: "generate", arguments: { prompt: "Hello" } };
    expect(await mcp.ask("tools/call", call)).toMatchObject({ result: { content: [{ text: "Hi" }] } });
    mcp.stdin.end();
    expect(await mcp.exitCode).toBe(0);
    expect(mcp.context.stderr.text()).toContain("The sluice.yaml in this folder isn't read");
  });

  it.each([
    [["--config", "sluice.yaml"], {}],
    [[], { SLUICE_CONFIG: "sluice.yaml" }],
  ])("reads them where they are named: %j %j", async (words, env) => {
    using strange = strangeFolder();
    const mcp = start(["--url", "http://127.0.0.1:1", ...words], { cwd: strange.folder, env });
    expect(await mcp.exitCode).toBe(2);
    expect(mcp.context.stderr.text()).toContain("noSuchSetting");
  });

  it("takes presets and models from it only where its folders are named", () => {
    using strange = strangeFolder();
    const { folder: cwd } = strange;
    const { stderr } = fakeContext();
    const { config } = loadForeign({ flags: {}, env: {}, cwd }, { stderr });
    expect([config.promptsDir, config.modelsDir].filter((path) => resolve(cwd, path).startsWith(cwd))).toEqual([]);
    const env = { SLUICE_MODELS_DIR: "/models", SLUICE_PROMPTS_DIR: "prompts" };
    const named = loadForeign({ flags: {}, env, cwd }, { stderr });
    expect(named.config).toMatchObject({ modelsDir: "/models", promptsDir: "prompts" });
  });
});
