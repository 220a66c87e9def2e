import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../../src/cli/run.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { openTerminal } from "../../fixtures/terminal.ts";
import { answerWith, createTestApp, listen, MODEL_ID, script, servedModel } from "../../http/support.ts";
import { preset } from "../../prompts/support.ts";
import { fakeContext } from "../fake-context.ts";

const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
/** A terminal's keys. */
const [CTRL_C, CTRL_D, ENTER] = ["\u0003", "\u0004", "\r"];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-chat-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A gateway whose model says what it was asked, after `begun`. To "wait" it answers only when the client leaves. */
async function setUp() {
  const requests: GenerationRequest[] = [];
  const model = servedModel(
    script(async function* answer(request) {
      requests.push(request);
      const { prompt } = request;
      const asked = prompt.type === "chat" ? String(prompt.messages.at(-1)?.content) : "";
      if (!asked.includes("wait")) {
        yield* answerWith([`You said **${asked}**.`, "\n\n\u001b[2Jcleared"]);
        return;
      }
      yield { type: "started", promptTokens: 3, cachedTokens: 0 };
      yield { type: "text", choice: 0, text: "It has begun" };
      if (!request.signal.aborted) await once(request.signal, "abort");
    }),
  );
  const server = await listen(createTestApp({ models: [model], presets: [preset("", "greet")] }).app);
  const open = (words: readonly string[] = [], options: { columns?: number; env?: NodeJS.ProcessEnv } = {}) =>
    openTerminal([process.execPath, main, "chat", "--url", server.url, ...words], {
      ...{ cwd: folder, columns: 100, ...options },
      env: { XDG_STATE_HOME: folder, ...options.env },
    });
  const messages = () =>
    requests.map(({ prompt }) =>
      prompt.type === "chat" ? prompt.messages.map(({ role, content }) => [role, content]) : [],
    );
  return { server, open, messages, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe("sluice chat in a terminal", () => {
  it("shows Markdown, keeps the conversation, and neutralizes what would move the cursor", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open(["--system", "Be brief."]);
    await terminal.until(`${MODEL_ID} at `);
    await terminal.until("> ");
    terminal.type(`Hello${ENTER}`);
    await terminal.until(/You said Hello\.\n\n\\x1b\[2Jcleared\n> /);
    expect(terminal.raw()).toContain("\u001b[1mHello\u001b[22m");
    terminal.type(`Again${ENTER}`);
    await terminal.until(/cleared\n> /);
    terminal.type(CTRL_D);
    expect(await terminal.ended).toBe(0);
    expect(gateway.messages()[1]).toEqual([
      ["system", "Be brief."],
      ["user", "Hello"],
      ["assistant", "You said **Hello**.\n\n\u001b[2Jcleared"],
      ["user", "Again"],
    ]);
  });

  it("stops an answer at Ctrl+C and goes on; twice at the empty prompt ends", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open();
    await terminal.until("> ");
    terminal.type(`wait${ENTER}`);
    await terminal.until("It has begun");
    terminal.type(CTRL_C);
    await terminal.until(/Stopped\. \/retry asks again\.\n> /);
    terminal.type("half a line");
    await terminal.until("half a line");
    terminal.type(CTRL_C);
    await terminal.until("> ");
    terminal.type(`Hi${ENTER}`);
    await terminal.until(/You said Hi\.[^>]*> /);
    terminal.type(CTRL_C);
    await terminal.until(/Ctrl\+C again, or Ctrl\+D, ends\.\n> /);
    terminal.type(CTRL_C);
    expect(await terminal.ended).toBe(0);
    expect(gateway.messages()[1]?.at(-2)).toEqual(["assistant", "It has begun"]);
  });

  it("takes several lines: by a backslash, by quotes, and pasted", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open();
    await terminal.until("> ");
    terminal.type(`one\\${ENTER}two${ENTER}`);
    await terminal.until(/cleared\n> /);
    terminal.type(`"""three${ENTER}${ENTER}four"""${ENTER}`);
    await terminal.until(/cleared\n> /);
    terminal.type("\u001b[200~five\rsix\u001b[201~");
    terminal.type(ENTER);
    await terminal.until(/cleared\n> /);
    terminal.type(CTRL_D);
    await terminal.ended;
    expect(gateway.messages().map((all) => all.at(-1)?.[1])).toEqual(["one\ntwo", "three\n\nfour", "five\nsix"]);
  });

  it("has commands for models, the system text, files, statistics, and asking again", async () => {
    await using gateway = await setUp();
    writeFileSync(join(folder, "notes.txt"), "a ``` fence");
    await using terminal = gateway.open();
    const say = async (line: string, wanted: string | RegExp) => {
      await terminal.until("> ");
      terminal.type(`${line}${ENTER}`);
      await terminal.until(wanted);
    };
    await say("/help", "/retry");
    await say("/modle x", "There is no /modle. Did you mean /model?");
    await say("/model", `* ${MODEL_ID}\n  preset/greet`);
    await say("/model gret", "Did you mean");
    await say("/system Speak plainly.", "System: Speak plainly.");
    await say("/file gone.txt", "gone.txt can't be read");
    await say("/file notes.txt", "goes with the next message");
    await say("What is it?", "cleared");
    await say("/stats", "12 in (4 from the cache), 3 out");
    await say("/retry", "cleared");
    await say("/save talk.md", "Written to talk.md.");
    await say("/save talk.md", "there is such a file already");
    await say("/clear", "A new conversation.");
    await say("/retry", "Nothing was asked yet.");
    await say("/quit", "");
    expect(await terminal.ended).toBe(0);
    const file = "File notes.txt:\n````\na ``` fence\n````\n";
    const asked = [
      ["system", "Speak plainly."],
      ["user", `${file}\nWhat is it?`],
    ];
    expect(gateway.messages()).toEqual([asked, asked]);
    expect(readFileSync(join(folder, "talk.md"), "utf8")).toContain(`## You\n\n${file}`);
  });

  it("has the last message changed in an editor, and asks it in its place", async () => {
    await using gateway = await setUp();
    const editor = join(folder, "editor.sh");
    writeFileSync(editor, `#!/bin/sh\nprintf ' and more' >> "$1"\n`, { mode: 0o755 });
    await using terminal = gateway.open([], { env: { EDITOR: editor } });
    await terminal.until("> ");
    terminal.type(`Hello${ENTER}`);
    await terminal.until(/cleared\n> /);
    terminal.type(`/edit${ENTER}`);
    await terminal.until(/You said Hello and more\.[^>]*> /);
    terminal.type(CTRL_D);
    await terminal.ended;
    expect(gateway.messages()[1]).toEqual([["user", "Hello and more"]]);
  });

  it("keeps what was typed for the next chat, for its user alone, unless it is told not to", async () => {
    await using gateway = await setUp();
    for (const [keys, words] of [
      [`first${ENTER}`, []],
      [`\u001b[A${ENTER}`, []],
      [`secret${ENTER}`, ["--no-history"]],
    ] as const) {
      await using terminal = gateway.open(words);
      await terminal.until("> ");
      terminal.type(keys);
      await terminal.until(/cleared\n> /);
      terminal.type(CTRL_D);
      await terminal.ended;
    }
    expect(gateway.messages().map((all) => all.at(-1)?.[1])).toEqual(["first", "first", "secret"]);
    const history = join(folder, "sluice", "chat-history");
    expect(readFileSync(history, "utf8")).toBe("first\n");
    expect(statSync(history).mode & 0o077).toBe(0);
  });

  it("wraps at 40 columns, and without colours where none are wanted", async () => {
    await using gateway = await setUp();
    await using terminal = gateway.open([], { columns: 40, env: { NO_COLOR: "1" } });
    await terminal.until("> ");
    terminal.type(`these are some words that go on${ENTER}`);
    await terminal.until("You said these are some words that go\non.\n");
    await terminal.until("> ");
    terminal.type(CTRL_D);
    await terminal.ended;
    const colours = terminal
      .raw()
      .split("\u001b[")
      .slice(1)
      .filter((sequence) => /^\d+m/.test(sequence));
    expect(colours).toEqual([]);
  });
});

describe("sluice chat without a terminal", () => {
  async function once(words: readonly string[], stdin?: string) {
    await using gateway = await setUp();
    const context = { ...fakeContext({ cwd: folder }), ...(stdin !== undefined && { stdin: Readable.from([stdin]) }) };
    const exitCode = await run(["chat", ...words, "--url", gateway.server.url], context);
    return {
      exitCode,
      stdout: context.stdout.text(),
      stderr: context.stderr.text(),
      asked: gateway.messages()[0]?.at(-1),
    };
  }

  it("asks once what is piped in, and passes the answer on as it is", async () => {
    expect(await once([], "Hi\n")).toMatchObject({ exitCode: 0, stdout: "You said **Hi\n**.\n\n\u001b[2Jcleared\n" });
    writeFileSync(join(folder, "a.txt"), "text");
    const { asked } = await once(["What", "is it?", "--file", "a.txt"], "piped");
    expect(asked).toEqual(["user", "File a.txt:\n```\ntext\n```\n\nWhat is it?\npiped"]);
  });

  it("prints the whole answer as JSON", async () => {
    const { stdout } = await once(["--json", "Hi"]);
    expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion", model: MODEL_ID });
  });

  it("says what is missing", async () => {
    expect(await once([])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("There is no terminal to chat in"),
    });
  });
});
