import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import type { Access } from "../../src/keys/access.ts";
import { createCounters } from "../../src/keys/counters.ts";
import { createFixedKeys } from "../../src/keys/fixed.ts";
import { createMeter } from "../../src/keys/meter.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createUsageBook } from "../../src/keys/usage.ts";
import { silent } from "../keys/support.ts";
import { cancelOnce, ERAS, endless, writing } from "../mcp/server/support.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import type { TestAppOptions } from "./support.ts";
import { createTestApp, jsonInit, listen } from "./support.ts";

async function connect(options: TestAppOptions, mode: (typeof ERAS)[number] = "auto", headers = {}) {
  const gateway = await listen(createTestApp({ ...options, settings: { mcp: true, ...options.settings } }).app);
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  const close = async () => {
    await client.close();
    await gateway[Symbol.asyncDispose]();
  };
  try {
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), { requestInit: { headers } }),
    );
  } catch (error) {
    await close();
    throw error;
  }
  return { client, [Symbol.asyncDispose]: close };
}

it("takes one message at a time at /mcp, so that a list can't ask for more at once than requests may", async () => {
  const { app } = createTestApp({ settings: { mcp: true } });
  const answer = await app.request("/mcp", jsonInit([{ jsonrpc: "2.0", id: 1, method: "tools/list" }]));
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("one message at a time");
});

describe.each(ERAS)("POST /mcp (%s)", (mode) => {
  it("has a prompt answered, and tells how far it is", async () => {
    await using mcp = await connect(writing(["Hel", "lo"]), mode);
    const heard: unknown[] = [];
    const options = { onprogress: (progress: unknown) => heard.push(progress) };
    const { content } = await mcp.client.callTool({ name: "generate", arguments: { prompt: "Hi" } }, options);
    expect(content).toEqual([{ type: "text", text: "Hello" }]);
    expect(heard[0]).toMatchObject({ message: "waiting for the first word" });
  });

  it("ends the generation when the client cancels the call", async () => {
    const app = endless();
    await using mcp = await connect(app, mode);
    await cancelOnce(app.begun, mcp.client);
    const signal = await app.begun;
    await mcp.client.close();
    await expect.poll(() => signal.aborted).toBe(true);
  });

  it("tells a refusal as the tool's answer", async () => {
    await using mcp = await connect(writing([]), mode);
    const { content, isError } = await mcp.client.callTool({
      ...{ name: "generate", arguments: { prompt: "Hi", model: "nope" } },
    });
    expect(isError).toBe(true);
    expect(content).toMatchObject([{ text: expect.stringContaining("`nope`") }]);
  });
});

describe("/mcp", () => {
  it("needs a key if there are keys, and asks under it", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const fixed = createFixedKeys({ keysFile: "", apiKey: "sk-secret", logger: silent });
    const usage = createUsageBook({ store: state.usage, logger: silent });
    const access: Access = {
      keys: createKeyRing({ store: state.keys, fixed }),
      meter: createMeter({ counters: createCounters(), usage }),
      flush: usage.flush,
    };
    await using mcp = await connect({ ...writing(["Hi"]), access, state }, "auto", {
      authorization: "Bearer sk-secret",
    });
    expect(await mcp.client.callTool({ name: "generate", arguments: { prompt: "Hi" } })).toMatchObject({
      content: [{ text: "Hi" }],
    });
    await expect(connect({ ...writing([]), access, state })).rejects.toThrow();
    state.close();
  });

  it("isn't there unless a setting says so", async () => {
    const { app } = createTestApp(writing([]));
    const message = jsonInit({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
    expect((await app.request("/mcp", message)).status).toBe(404);
  });

  it("accepts messages only", async () => {
    const { app } = createTestApp({ ...writing([]), settings: { mcp: true } });
    expect((await app.request("/mcp")).status).toBe(405);
    for (const body of [{}, [], { jsonrpc: "2.0" }, { jsonrpc: "1.0", id: 1, method: "x" }]) {
      expect((await app.request("/mcp", jsonInit(body))).status).toBe(400);
    }
  });
});
