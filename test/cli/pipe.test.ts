import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { MAX_ITEM_LENGTH } from "../../src/cli/pipe/items.ts";
import { pipeLines } from "../../src/cli/pipe/pipe.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { listen } from "../../src/http/server.ts";
import { answerWith, createTestApp, listenAsGateway, script, servedModel } from "../http/support.ts";
import { preset } from "../prompts/support.ts";
import { fakeContext } from "./fake-context.ts";

const ECHO = preset('template: "{{input}}"', "echo");
const PLACE = preset('template: "In {{place}}: {{input}}"\nvariables: { place: { type: string } }', "place");
const SPILLED = preset('model: other\ntemplate: "{{input}}"', "spilled");

const DEFAULTS = { output: "text", inFlight: "8", overload: "wait", buffer: "1000", class: "batch", preset: "echo" };

function textOf({ prompt }: GenerationRequest): string {
  const message = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  return String(message?.content ?? "");
}

const echo = script(async function* (request) {
  yield* answerWith([textOf(request).toUpperCase()]);
});

/** A model that says when it has begun, and answers once its gate is opened. */
function heldModel() {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slow = script(async function* (request) {
    begun.resolve();
    await gate.promise;
    yield* answerWith([textOf(request)]);
  });
  return { slow, begun, gate };
}

function createEchoApp(generate = echo) {
  return createTestApp({ generate, presets: [ECHO, PLACE] }).app;
}

/** The command before a gateway, with what is piped in. */
function pipe(url: string, flags: Readonly<Record<string, string | boolean>> = {}) {
  const stdin = new PassThrough();
  const context = { ...fakeContext(), stdin };
  return { stdin, context, code: pipeLines({ ...DEFAULTS, url, ...flags }, context) };
}

describe("sluice pipe", () => {
  it("answers each line, in their order", async () => {
    await using server = await listenAsGateway(createEchoApp());
    const { stdin, context, code } = pipe(server.url);
    stdin.end("one\n\ntwo\nthree");
    expect(await code).toBe(0);
    expect(context.stdout.text()).toBe("ONE\nTWO\nTHREE\n");
    expect(context.stderr.text()).toContain(
      "pipe: 3 lines read, 3 items answered, 0 failed, 0 dropped, 0 without an answer\n",
    );
  });

  it("takes lines of JSON for a preset's variables, and names failures by the line's id", async () => {
    await using server = await listenAsGateway(createEchoApp());
    const { stdin, context, code } = pipe(server.url, { preset: "place", json: true, output: "jsonl" });
    stdin.end('{"id":"a","place":"rome","input":"hi"}\n{"id":"b","colour":"red","input":"hi"}\n');
    expect(await code).toBe(1);
    const [first, second] = context.stdout
      .text()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toEqual({ id: "a", output: "IN ROME: HI" });
    expect(second).toMatchObject({ id: "b", error: expect.stringContaining("colour") });
    expect(context.stderr.text()).toContain("item b failed");
  });

  it("makes one item of a window's lines, and what is left at the end", async () => {
    await using server = await listenAsGateway(createEchoApp());
    const { stdin, context, code } = pipe(server.url, { windowCount: "2", output: "jsonl" });
    stdin.end("a\nb\nc\n");
    expect(await code).toBe(0);
    expect(context.stdout.text()).toBe('{"id":1,"output":"A\\nB"}\n{"id":2,"output":"C"}\n');
  });

  it("drops what its policy says, and tells how much", async () => {
    const { slow, begun, gate } = heldModel();
    await using server = await listenAsGateway(createEchoApp(slow));
    const flags = { overload: "drop-oldest", buffer: "2", inFlight: "1" };
    const { stdin, context, code } = pipe(server.url, flags);
    stdin.write("first\n");
    await begun.promise;
    for (let line = 1; line <= 100; line++) stdin.write(`${line}\n`);
    stdin.end("last\n");
    while (!stdin.readableEnded) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    expect(await code).toBe(0);
    expect(context.stdout.text()).toBe("first\n100\nlast\n");
    expect(context.stderr.text()).toContain(
      "102 lines read, 3 items answered, 0 failed, 99 dropped, 0 without an answer",
    );
  });

  it.each([{ spill: "other" }, { spill: "preset/spilled" }])(
    "has what doesn't fit answered by $spill, and loses nothing",
    async ({ spill }) => {
      const { slow, begun, gate } = heldModel();
      const models = [servedModel(slow), servedModel(echo, { id: "other", aliases: [] })];
      await using server = await listenAsGateway(createTestApp({ models, presets: [ECHO, SPILLED] }).app);
      const flags = { overload: "spill", spill, unordered: true, buffer: "2", inFlight: "1", output: "jsonl" };
      const { stdin, context, code } = pipe(server.url, flags);
      stdin.write("held\n");
      await begun.promise;
      for (const line of ["a", "b", "c", "d"]) stdin.write(`${line}\n`);
      await context.stdout.until('"output":"D"');
      expect(context.stdout.text()).toBe(
        ["C", "D"].map((output, at) => `{"id":${at + 4},"target":"${spill}","output":"${output}"}\n`).join(""),
      );
      gate.resolve();
      stdin.end();
      expect(await code).toBe(0);
      expect(context.stderr.text()).toContain(
        `5 lines read, 5 items answered (2 by ${spill}), 0 failed, 0 dropped, 0 without an answer`,
      );
    },
  );

  it("sends what has no answer again when the gateway went away and is back, and writes each answer once", async () => {
    const asked: string[] = [];
    const hang = Promise.withResolvers<void>();
    const broken = script(async function* (request) {
      asked.push(textOf(request));
      if (textOf(request) === "b") {
        hang.resolve();
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      }
      yield* answerWith([textOf(request).toUpperCase()]);
    });
    const first = await listenAsGateway(createEchoApp(broken));
    const { stdin, context, code } = pipe(first.url);
    stdin.write("a\nb\nc\n");
    await context.stdout.until("A\n");
    await hang.promise;
    const { port } = first;
    await first[Symbol.asyncDispose]();
    await context.stderr.until("the gateway is away");
    stdin.end("d\n");
    const limits = { headerTimeoutMs: 60_000, bodyTimeoutMs: 60_000, minBodyRate: 1, keepAliveMs: 60_000 };
    const second = await listen(createEchoApp(), {
      ...{ ...limits, readTimeoutMs: 60_000, maxConnections: 10, host: "127.0.0.1", port },
    });
    try {
      expect(await code).toBe(0);
      expect(context.stdout.text()).toBe("A\nB\nC\nD\n");
    } finally {
      second.end();
      await new Promise((closed) => second.server.close(closed));
    }
  });

  it("reads no more after Ctrl-C, writes the answers in flight, and tells what has none", async () => {
    const { slow, begun, gate } = heldModel();
    await using server = await listenAsGateway(createEchoApp(slow));
    const { stdin, context, code } = pipe(server.url);
    stdin.write("a\n");
    await begun.promise;
    context.process.emit("SIGINT", "SIGINT");
    expect(context.stderr.text()).toContain("what was read is still answered");
    gate.resolve();
    await expect(code).rejects.toThrow("SIGINT");
    expect(context.stdout.text()).toBe("a\n");
    expect(context.stderr.text()).toContain("1 lines read, 1 items answered, 0 failed, 0 dropped, 0 without an answer");
  });

  it("leaves at once at the second Ctrl-C, and tells what has no answer", async () => {
    const begun = Promise.withResolvers<void>();
    const endless = script(async function* (request) {
      begun.resolve();
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      yield* answerWith([]);
    });
    await using server = await listenAsGateway(createEchoApp(endless));
    const { stdin, context, code } = pipe(server.url);
    code.catch(() => {});
    stdin.write("a\n");
    await begun.promise;
    context.process.emit("SIGINT", "SIGINT");
    context.process.emit("SIGINT", "SIGINT");
    expect(context.process.exits).toEqual([130]);
    expect(context.stderr.text()).toContain("1 lines read, 0 items answered, 0 failed, 0 dropped, 1 without an answer");
    stdin.destroy();
  });

  it.each(["nowhere", "preset/nowhere"])(
    "reads nothing if %s, which would answer what doesn't fit, isn't there",
    async (spill) => {
      await using server = await listenAsGateway(createEchoApp());
      const { stdin, code } = pipe(server.url, { overload: "spill", spill, unordered: true });
      stdin.write("a\n");
      await expect(code).rejects.toThrow("nowhere");
      expect(stdin.readableLength).toBe(2);
    },
  );

  it("fails a line that is too long, and goes on with the next", async () => {
    await using server = await listenAsGateway(createEchoApp());
    const { stdin, context, code } = pipe(server.url, { json: true, output: "jsonl" });
    stdin.write("a\n");
    stdin.write(`{"input":"${"x".repeat(MAX_ITEM_LENGTH)}"}\n`);
    stdin.end("b\n");
    expect(await code).toBe(1);
    const error = `This item is longer than ${MAX_ITEM_LENGTH} characters.`;
    const lines = context.stdout
      .text()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.toSorted((a, b) => a.id - b.id)).toEqual([
      { id: 1, output: "A" },
      { id: 2, error },
      { id: 3, output: "B" },
    ]);
    expect(context.stderr.text()).toContain(`item 2 failed: ${error}`);
    expect(context.stderr.text()).toContain("3 lines read, 2 items answered, 1 failed, 0 dropped, 0 without an answer");
  });

  it("reads nothing for a preset that there isn't", async () => {
    await using server = await listenAsGateway(createEchoApp());
    const { stdin, context, code } = pipe(server.url, { preset: "nope" });
    stdin.write("a\n");
    await expect(code).rejects.toThrow("nope");
    expect(stdin.readableLength).toBe(2);
    expect(context.stderr.text()).toContain("0 lines read");
  });

  it.each([
    [{ inFlight: "0" }, "--in-flight"],
    [{ overload: "panic" }, "--overload"],
    [{ overload: "latest" }, "--key"],
    [{ overload: "spill", unordered: true }, "--overload spill needs --spill"],
    [{ overload: "spill", spill: "big" }, "--overload spill needs --unordered"],
    [{ spill: "big" }, "--spill has no effect without --overload spill"],
    [{ windowTime: "soon" }, "--window-time"],
    [{ json: true, windowCount: "2" }, "--json"],
    [{ buffer: "1e9" }, "--buffer"],
    [{ key: "id" }, "--key has no effect by itself. Add --json"],
  ])("refuses %o, and names the flag", async (flags, words) => {
    await expect(pipe("http://127.0.0.1:1", flags).code).rejects.toThrow(words);
  });
});
