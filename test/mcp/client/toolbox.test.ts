import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import type { ServerSettings } from "../../../src/mcp/client/settings.ts";
import { openToolbox } from "../../../src/mcp/client/toolbox.ts";
import { mcpServers } from "../../fixtures/mcp-notes.ts";
import { createTestApp, listen } from "../../http/support.ts";
import { writing } from "../server/support.ts";

const never = new AbortController().signal;

type Limits = Parameters<typeof openToolbox>[3];

/** A toolbox with these servers, by their names and manners. */
async function open(manners: Readonly<Record<string, string>>, limits?: Limits) {
  const servers = mcpServers();
  const problems: string[] = [];
  const settings = Object.entries(manners).map(
    ([name, manner]): ServerSettings => ({
      ...{ type: "stdio", name, env: {}, cwd: undefined, ...servers.command(manner) },
    }),
  );
  const toolbox = await openToolbox(settings, (problem) => problems.push(problem), never, limits);
  return {
    ...toolbox,
    servers,
    problems,
    names: toolbox.tools.map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      await toolbox.close();
      const left = servers.left();
      servers[Symbol.dispose]();
      expect(left).toEqual([]);
    },
  };
}

describe("the tools of MCP servers", () => {
  it.each(["kind", "noisy", "modern"])("are listed and called, of a server that is %s", async (manner) => {
    await using box = await open({ it: manner });
    expect(box.problems).toEqual([]);
    expect(box.tools).toMatchObject([{ name: "it__echo", server: "it", original: "echo", description: "Does echo." }]);
    expect(await box.call("it__echo", { text: "Hi" }, never)).toEqual({
      ...{ text: 'You sent {"text":"Hi"}.', isError: false },
    });
  });

  it("have names of their own, though two servers call them the same", async () => {
    await using box = await open({ "a b": "kind", "a.b": "kind" });
    expect(box.names).toEqual(["a_b__echo", "a_b__echo_2"]);
  });

  it("have plain names, though a server's act on terminals, or look like each other", async () => {
    await using box = await open({ it: "strange" });
    expect(box.names).toEqual([
      ...["it____2Jclear", "it__echo", "it___cho", "it__echo_", "it__a_b_c", `it__${"x".repeat(60)}`],
    ]);
  });

  it("are bounded in number, and the rest is told", async () => {
    await using box = await open({ many: "endless", it: "kind" });
    expect(box.tools).toHaveLength(64);
    expect(box.problems).toEqual([
      expect.stringContaining("many has more tools"),
      expect.stringContaining("it has more"),
    ]);
  });

  it("are left out if their schemas are huge or deep, which is told once", async () => {
    await using box = await open({ it: "schemas" });
    expect(box.names).toEqual(["it__echo"]);
    expect(box.problems).toEqual([
      expect.stringMatching(/^A tool of it is left out, "deep": .*, and 1 more for such reasons\.$/),
    ]);
  });

  it("come from a gateway's /mcp, too", async () => {
    await using gateway = await listen(createTestApp({ ...writing(["Hello"]), settings: { mcp: true } }).app);
    const problems: string[] = [];
    const settings: ServerSettings = { type: "http", name: "sluice", url: `${gateway.url}/mcp`, headers: {} };
    const box = await openToolbox([settings], (problem) => problems.push(problem), never);
    expect(problems).toEqual([]);
    expect(await box.call("sluice__generate", { prompt: "Hi" }, never)).toEqual({ text: "Hello", isError: false });
    await box.close();
  });
});

describe("a call", () => {
  it("returns a result cut to what a model can read", async () => {
    await using box = await open({ it: "huge" });
    const { text } = await box.call("it__echo", {}, never);
    expect(text.length).toBeLessThan(33_000);
    expect(text).toMatch(/\(Cut off: \d+ more characters\.\)$/);
  });

  it.each([
    ["fails", "no such page"],
    ["dies", "The tool has failed: it has ended. Its last words: something broke"],
    ["flood", "The tool has failed: it has ended."],
  ])("of a server that %s is an error that the model reads", async (manner, words) => {
    await using box = await open({ it: manner });
    expect(await box.call("it__echo", {}, never)).toEqual({ text: words, isError: true });
  });

  it("after the server's death is an error, too", async () => {
    await using box = await open({ it: "dies" });
    await box.call("it__echo", {}, never);
    expect(await box.call("it__echo", {}, never)).toMatchObject({ isError: true });
  });

  it("names what is no text", async () => {
    await using box = await open({ it: "image" });
    expect((await box.call("it__echo", {}, never)).text).toBe("(image of type image/png, which is not shown)");
  });

  it("ends when there is no answer in time", async () => {
    await using box = await open({ it: "hangs" }, { startMs: 20_000, callMs: 50 });
    expect(await box.call("it__echo", {}, never)).toMatchObject({
      ...{ isError: true, text: expect.stringContaining("it didn't answer in time") },
    });
  });

  it("ends when it is stopped", async () => {
    await using box = await open({ it: "hangs" });
    const stopping = new AbortController();
    const call = box.call("it__echo", {}, stopping.signal);
    await expect.poll(() => box.servers.calls()).toHaveLength(1);
    stopping.abort(new Error("stopped"));
    await expect(call).rejects.toThrow("stopped");
  });

  it("of a tool that isn't there names those that are", async () => {
    await using box = await open({ it: "kind" });
    expect(await box.call("nope", {}, never)).toEqual({
      ...{ text: 'There is no tool "nope". There are: it__echo.', isError: true },
    });
  });
});

describe("a server that can't be used", () => {
  it("is told with its last words, and the others are there all the same", async () => {
    await using box = await open({ bad: "breaks", it: "kind" });
    expect(box.problems).toEqual([
      "The MCP server bad can't be used: it has ended. Its last words: my settings are missing",
    ]);
    expect(box.names).toEqual(["it__echo"]);
  });

  it("is given up when it doesn't answer", async () => {
    await using box = await open({ bad: "silent" }, { startMs: 500, callMs: 500 });
    expect(box.problems).toEqual([expect.stringMatching(/^The MCP server bad can't be used: it didn't answer/)]);
    expect(box.servers.left()).toEqual([]);
  });

  it("has a program that isn't there, or a URL at which nothing answers", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    const problems: string[] = [];
    const box = await openToolbox(
      [
        { type: "stdio", name: "none", command: "no-such-program", args: [], env: {}, cwd: undefined },
        { type: "http", name: "web", url: "http://127.0.0.1:1/mcp", headers: {} },
      ],
      (problem) => problems.push(problem),
      never,
    );
    taken.close();
    expect(problems.toSorted()).toEqual([
      expect.stringContaining("The MCP server none can't be used: \"no-such-program\" can't be started"),
      expect.stringContaining("The MCP server web can't be used: "),
    ]);
    await box.close();
  });
});

describe("the end of a toolbox", () => {
  it("ends programs that want to stay, and what they have started", async () => {
    const box = await open({ it: "stubborn" });
    expect(box.servers.left()).toHaveLength(2);
    await box[Symbol.asyncDispose]();
  });

  it("gives a program no key and no terminal of ours", async () => {
    await using box = await open({ it: "kind" });
    const [pid] = box.servers.pids();
    const { readFileSync } = await import("node:fs");
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("VITEST");
    // The sixth field is the session, which is the program's own.
    expect(readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[5]).toBe(String(pid));
  });
});
