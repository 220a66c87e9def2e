import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";

const LABELS = ["positive", "negative", "neutral"];

/** Runs `sluice mcp` as an editor does. */
async function start(mode: "legacy" | "auto", words: readonly string[]) {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  const transport = new StdioClientTransport({
    ...{ command: process.execPath, args: ["src/main.ts", "mcp", ...words], stderr: "pipe" },
  });
  await client.connect(transport);
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

describe.each(["legacy", "auto"] as const)("sluice mcp, for the official client (%s)", (mode) => {
  test("classifies, and generates by a schema, with the real model", async () => {
    await using mcp = await start(mode, ["--url", inject("gatewayUrl")]);
    const { tools } = await mcp.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["generate", "classify", "embed"]);

    const args = { text: "I love this film, it is great!", labels: LABELS, probabilities: true };
    const { structuredContent: classified } = await mcp.client.callTool({ name: "classify", arguments: args });
    const { label, probabilities } = z
      .object({ label: z.enum(LABELS), probabilities: z.record(z.string(), z.number()) })
      .parse(classified);
    expect(Object.keys(probabilities).toSorted()).toEqual(LABELS.toSorted());
    const shares = Object.values(probabilities);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(probabilities[label]).toBe(Math.max(...shares));

    const schema = { type: "object", properties: { age: { type: "integer" } }, required: ["age"] };
    const { structuredContent: made } = await mcp.client.callTool({
      name: "generate",
      arguments: { prompt: "Bob is 12 years old.", temperature: 0, max_tokens: 60, schema },
    });
    expect(made).toEqual({ age: expect.any(Number) });
  });

  test("has the presets as prompts", async () => {
    await using mcp = await start(mode, ["--url", inject("gatewayUrl")]);
    const { prompts } = await mcp.client.listPrompts();
    expect(prompts.map(({ name }) => name)).toContain("task-priority");
    const { messages } = await mcp.client.getPrompt({ name: "task-priority", arguments: { input: "Mend the door." } });
    expect(messages.at(-1)?.content).toEqual({ type: "text", text: "Task: Mend the door.\nPriority:" });
  });

  test("frees the slot when a call is cancelled", async () => {
    await using mcp = await start(mode, ["--url", inject("gatewayUrl")]);
    const cancelling = new AbortController();
    const call = mcp.client.callTool(
      { name: "generate", arguments: { prompt: "Count without end.", temperature: 0, max_tokens: 800 } },
      { signal: cancelling.signal, onprogress: () => cancelling.abort() },
    );
    await expect(call).rejects.toThrow();
    const slots = z.array(z.object({ is_processing: z.boolean() }));
    await expect
      .poll(async () =>
        slots
          .parse(await (await fetch(`${inject("gatewayUrl")}/slots`)).json())
          .some(({ is_processing: busy }) => busy),
      )
      .toBe(false);
  });
});

const reply = z.object({ jsonrpc: z.literal("2.0"), id: z.int(), result: z.record(z.string(), z.unknown()) });

test("sluice mcp starts a gateway of its own, writes nothing but the protocol, and ends with its client", async () => {
  const child = spawn(process.execPath, ["src/main.ts", "mcp", "--port", "0", "--context", "1024"]);
  const stderr = text(child.stderr);
  const lines: unknown[] = [];
  const answered = Promise.withResolvers<void>();
  createInterface(child.stdout).on("line", (line) => {
    lines.push(JSON.parse(line));
    if (lines.length === 2) answered.resolve();
  });
  const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const clientInfo = { name: "test", version: "1" };
  send({ id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo } });
  send({ method: "notifications/initialized" });
  child.stdin.write("this is no message\n");
  send({
    ...{ id: 2, method: "tools/call" },
    params: { name: "generate", arguments: { prompt: "Hi", max_tokens: 4 } },
  });
  await answered.promise;
  child.stdin.end();
  const [exitCode] = await once(child, "close");
  expect(exitCode).toBe(0);
  expect(lines.map((line) => reply.parse(line).id)).toEqual([1, 2]);
  expect(await stderr).toContain("starting one for this command");
});

test("sluice mcp ends with the reason if no gateway can be had", async () => {
  const child = spawn(process.execPath, ["src/main.ts", "mcp", "--port", "0", "--model", "no-such-model"]);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  expect([exitCode, stdout]).toEqual([4, ""]);
  expect(stderr).toContain("no-such-model");
});
