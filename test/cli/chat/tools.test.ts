import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../../src/cli/run.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { mcpServers } from "../../fixtures/mcp-notes.ts";
import { openTerminal } from "../../fixtures/terminal.ts";
import { answerWith, createTestApp, listen, script, servedModel } from "../../http/support.ts";
import { fakeContext } from "../fake-context.ts";

const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const [CTRL_C, CTRL_D, ENTER] = ["\u0003", "\u0004", "\r"];
const QUESTION = "Call it? y: yes, n: no, a: always in this chat ";

let servers: ReturnType<typeof mcpServers>;
beforeEach(() => {
  servers = mcpServers();
});
afterEach(async () => {
  try {
    // A terminal of a test kills its chat, which can't end a server then: the server sees the end of its input.
    await expect.poll(() => servers.left()).toEqual([]);
  } finally {
    servers[Symbol.dispose]();
  }
});

/** A gateway whose model calls the tool that a message names, as `call NAME ARGUMENTS`, and else says what it was told last. */
async function setUp() {
  const requests: GenerationRequest[] = [];
  const model = servedModel(
    script(async function* answer(request) {
      requests.push(request);
      const { prompt, tools } = request;
      const said = prompt.type === "chat" ? prompt.messages : [];
      const last = said.at(-1);
      const asked = said.findLast(({ role }) => role === "user")?.content ?? "";
      const [, name, text = "{}"] = /^call(?:ever)? (\S+)(?: (.*))?$/.exec(asked) ?? [];
      const isAgain = last?.role === "user" || asked.startsWith("callever");
      if (name === undefined || !isAgain || tools === undefined || tools.choice === "none") {
        yield* answerWith([`I was told: ${last?.content}`]);
        return;
      }
      yield { type: "started", promptTokens: 3, cachedTokens: 0 };
      yield { type: "toolCall", choice: 0, index: 0, id: `call_${requests.length}`, name };
      yield { type: "toolArguments", choice: 0, index: 0, text };
      yield { type: "finished", choice: 0, reason: "tool_calls", completionTokens: 2 };
    }),
  );
  const server = await listen(createTestApp({ models: [model] }).app);
  const configure = (manners: Readonly<Record<string, string>>) => {
    const file = join(servers.folder, "mcp.json");
    const mcpServers = Object.fromEntries(
      Object.entries(manners).map(([name, manner]) => [name, servers.command(manner)]),
    );
    writeFileSync(file, JSON.stringify({ mcpServers }));
    return ["--mcp-config", file];
  };
  return {
    requests,
    configure,
    /** A chat in a terminal. */
    open: (manners: Readonly<Record<string, string>>, words: readonly string[] = []) =>
      openTerminal([process.execPath, main, "chat", "--url", server.url, ...configure(manners), ...words], {
        ...{ columns: 200, cwd: servers.folder, env: { XDG_STATE_HOME: servers.folder } },
      }),
    /** A question without a terminal. */
    async ask(text: string, words: readonly string[]) {
      const context = { ...fakeContext({ cwd: servers.folder }), stdin: Readable.from([text]) };
      const exitCode = await run(["chat", "--url", server.url, ...words], context);
      return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe("sluice chat with the tools of an MCP server, in a terminal", () => {
  it("lists them, asks before a call, and gives the model its result", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "kind" });
    await terminal.until("\n> ");
    terminal.type(`/tools${ENTER}`);
    await terminal.until("it__echo  Does echo.");
    await terminal.until("\n> ");
    terminal.type(`call it__echo {"text":"\\u001b[2J\u202egood"}${ENTER}`);
    await terminal.until('The model wants to call it__echo {"text":"\\u001b[2J\\u202egood"}');
    await terminal.until(QUESTION);
    expect(servers.calls()).toEqual([]);
    terminal.type("y");
    await terminal.until("it__echo has answered: You sent");
    await terminal.until("I was told: You sent");
    await terminal.until("\n> ");
    expect(servers.calls()).toHaveLength(1);
    terminal.type(CTRL_D);
    expect(await terminal.ended).toBe(0);
    expect(terminal.raw()).not.toContain("\u001b[2J");
  });

  it("calls nothing that the user refuses, and what was pasted is no answer", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "kind" });
    await terminal.until("\n> ");
    terminal.type(`call it__echo${ENTER}`);
    await terminal.until(QUESTION);
    terminal.type("yes please");
    await terminal.until("(y, n or a) ");
    terminal.type("n");
    await terminal.until("no\n");
    await terminal.until("I was told: The user has not allowed this call.");
    await terminal.until("\n> ");
    expect(servers.calls()).toEqual([]);
  });

  it("takes no key of somebody who is typing while the question comes, and no `a` that goes on", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "kind" });
    await terminal.until("\n> ");
    terminal.type(`call it__echo${ENTER}`);
    await terminal.until("The model wants to call it__echo {}");
    for (const key of "maybe") terminal.type(key);
    await terminal.until(QUESTION);
    terminal.type("a");
    await terminal.until("always? Enter: yes ");
    terminal.type("s");
    await terminal.until("(y, n or a) ");
    expect(servers.calls()).toEqual([]);
    terminal.type("n");
    await terminal.until("I was told: The user has not allowed this call.");
    await terminal.until("\n> ");
    expect(servers.calls()).toEqual([]);
  });

  it("asks no more once a tool is allowed always, and stops a model that calls without end", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "kind" }, ["--max-tool-rounds", "3"]);
    await terminal.until("\n> ");
    terminal.type(`callever it__echo${ENTER}`);
    await terminal.until(QUESTION);
    terminal.type("a");
    await terminal.until("always? Enter: yes ");
    terminal.type(ENTER);
    await terminal.until("I was told: You sent {}.");
    await terminal.until("No more tools were called for this answer");
    await terminal.until("\n> ");
    expect(servers.calls()).toHaveLength(3);
    expect(gateway.requests.map(({ tools }) => tools?.choice)).toEqual(["auto", "auto", "auto", "none"]);
  });

  it("goes on when Ctrl+C stops it at the question, or during a call that never ends", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "hangs" });
    await terminal.until("\n> ");
    terminal.type(`call it__echo${ENTER}`);
    await terminal.until(QUESTION);
    terminal.type(CTRL_C);
    await terminal.until("Stopped.");
    await terminal.until("\n> ");
    terminal.type(`call it__echo${ENTER}`);
    await terminal.until(QUESTION);
    terminal.type("y");
    await expect.poll(() => servers.calls()).toHaveLength(1);
    terminal.type(CTRL_C);
    await terminal.until("Stopped.");
    await terminal.until("\n> ");
    terminal.type(`Hello${ENTER}`);
    await terminal.until("I was told: Hello");
  });

  it("goes on when a server dies in a call, or can't be started", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "dies", bad: "breaks" });
    await terminal.until("The MCP server bad can't be used: it has ended. Its last words: my settings are missing");
    await terminal.until("\n> ");
    terminal.type(`call it__echo${ENTER}`);
    await terminal.until(QUESTION);
    terminal.type("y");
    await terminal.until("it__echo has failed: The tool has failed: it has ended.");
    await terminal.until("I was told: The tool has failed");
  });

  it("offers no tools after /tools off", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "kind" });
    await terminal.until("\n> ");
    terminal.type(`/tools off${ENTER}`);
    await terminal.until("offered none");
    await terminal.until("\n> ");
    terminal.type(`call it__echo${ENTER}`);
    await terminal.until("I was told: call it__echo");
    expect(gateway.requests.at(-1)?.tools?.tools ?? []).toEqual([]);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("leaves no server behind at %s", async (signal, code) => {
    await using gateway = await setUp();
    await using terminal = gateway.open({ it: "stubborn" });
    await terminal.until("\n> ");
    expect(servers.left()).toHaveLength(2);
    const [, , , parent] = readFileSync(`/proc/${servers.pids()[0]}/stat`, "utf8").split(" ");
    process.kill(Number(parent), signal);
    expect(await terminal.ended).toBe(code);
    expect(servers.left()).toEqual([]);
  });
});

describe("sluice chat with tools, without a terminal", () => {
  it("starts no server and calls nothing, unless a flag allows it", async () => {
    await using gateway = await setUp();
    const config = gateway.configure({ it: "kind" });
    expect(await gateway.ask("call it__echo", config)).toMatchObject({
      ...{ exitCode: 0, stdout: "I was told: call it__echo\n" },
    });
    expect(servers.pids()).toEqual([]);
    const allowed = await gateway.ask('call it__echo {"text":"Hi"}', [...config, "--allow-tool", "it__echo"]);
    expect(allowed).toMatchObject({ exitCode: 0, stdout: 'I was told: You sent {"text":"Hi"}.\n' });
    expect(allowed.stderr).toContain('it__echo {"text":"Hi"}\n');
    expect(servers.calls()).toHaveLength(1);
  });

  it("offers only what is allowed", async () => {
    await using gateway = await setUp();
    const config = gateway.configure({ it: "kind", other: "kind" });
    await gateway.ask("call other__echo", [...config, "--allow-tool", "it__echo"]);
    expect(gateway.requests[0]?.tools?.tools.map(({ name }) => name)).toEqual(["it__echo"]);
    expect(servers.calls()).toEqual([]);
  });

  it.each([
    [["--allow-tool", "nope"], "--allow-tool nope: there is no such tool. There are it__echo."],
    [["--allow-tool", "it__echo", "--json"], "Leave --allow-tool out."],
    [["--max-tool-rounds", "0"], "--max-tool-rounds"],
    [["--no-mcp", "--allow-tool", "it__echo"], "There are no tools"],
  ])("refuses %j", async (words, message) => {
    await using gateway = await setUp();
    const { exitCode, stderr } = await gateway.ask("Hi", [...gateway.configure({ it: "kind" }), ...words]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it("says what is wrong with the file", async () => {
    await using gateway = await setUp();
    const file = join(servers.folder, "wrong.json");
    writeFileSync(file, '{"mcpServers":{"a":{}}}');
    const { exitCode, stderr } = await gateway.ask("Hi", ["--mcp-config", file, "--allow-tool", "a__b"]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('mcpServers."a".command')]);
  });
});
