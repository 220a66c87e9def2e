import { copyFile, mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { get, type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { endAll, enginePidOf, isAlive, runSluice } from "./sluice-process.ts";

afterEach(endAll);

/** Opens a stream of exactly `maxTokens` tokens on a separate connection; resolves at its first byte. */
async function startStream(url: string, maxTokens: number): Promise<{ readonly text: Promise<string> }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const post = request(`${url}/v1/chat/completions`, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/json" },
    });
    post.on("response", resolve).on("error", reject);
    post.end(
      JSON.stringify({
        model: "smollm2",
        messages: [{ role: "user", content: "Say hi" }],
        // The same token again and again, which never ends the answer.
        logit_bias: { "905": 100 },
        max_tokens: maxTokens,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
  });
  let received = "";
  const first = Promise.withResolvers<void>();
  const text = new Promise<string>((resolve, reject) => {
    response.setEncoding("utf8").on("data", (chunk: string) => {
      received += chunk;
      first.resolve();
    });
    response.on("end", () => resolve(received)).on("error", reject);
  });
  text.catch(first.reject);
  await first.promise;
  return { text };
}

/** The error code of a new connection, or undefined if it is served. */
function refusalOf(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    get(`${url}/health`, { agent: false }, (response) => response.resume().on("end", () => resolve(undefined))).on(
      "error",
      (error: NodeJS.ErrnoException) => resolve(error.code),
    );
  });
}

describe("a gateway that gets a signal to stop", () => {
  test("finishes a stream, takes no new connections, exits with 0 and leaves no engine; --slots 8 gave it eight", async () => {
    const sluice = runSluice("--slots", "8", "--context", "512");
    const url = await sluice.ready;
    expect(sluice.log().find(({ engine }) => engine !== undefined)?.engine).toMatchObject({
      slots: 8,
      contextTokens: 512,
    });
    const stream = await startStream(url, 30);

    sluice.kill("SIGTERM");
    await sluice.says("SIGTERM: accepting no new requests");
    // The system resets a connection that it accepted just before.
    expect(await refusalOf(url)).toMatch(/^ECONN(REFUSED|RESET)$/);

    const text = await stream.text;
    expect(text).toContain('"finish_reason":"length"');
    expect(text).toContain('"completion_tokens":30');
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(await sluice.ended).toEqual({ code: 0, signal: null });
    expect(isAlive(enginePidOf(sluice))).toBe(false);
  });

  test("finishes a WebSocket's running response, closes the connection with a reason, and exits with 0", async () => {
    const sluice = runSluice("--slots", "1", "--context", "512");
    const ws = new WebSocket(`${(await sluice.ready).replace("http", "ws")}/v1/responses`);
    const types: string[] = [];
    const opened = new Promise((resolve) => ws.addEventListener("open", resolve));
    const began = new Promise((resolve) =>
      ws.addEventListener("message", ({ data }) => {
        types.push(JSON.parse(data).type);
        if (types.at(-1) === "response.output_text.delta") resolve(undefined);
      }),
    );
    const closed = new Promise<CloseEvent>((resolve) => ws.addEventListener("close", resolve));
    await opened;
    const ask = { input: "Say hi", logit_bias: { "905": 100 }, max_output_tokens: 60, store: false };
    ws.send(JSON.stringify({ type: "response.create", model: "smollm2", ...ask }));
    await began;
    sluice.kill("SIGTERM");
    expect(await closed).toMatchObject({ code: 1001, reason: "the server is stopping" });
    expect(types.at(-1)).toBe("response.incomplete");
    expect(await sluice.ended).toEqual({ code: 0, signal: null });
  });

  test("exits at once at the second signal, in the middle of a stream", async () => {
    const sluice = runSluice("--context", "4096");
    const stream = await startStream(await sluice.ready, 4000);
    sluice.kill("SIGTERM");
    await sluice.says("SIGTERM: accepting no new requests");
    sluice.kill("SIGTERM");
    await expect(stream.text).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    expect(await sluice.ended).toEqual({ code: 143, signal: null });
    expect(sluice.stderr()).toContain("SIGTERM again: exiting at once");
    await expect.poll(() => isAlive(enginePidOf(sluice)), { timeout: 20_000 }).toBe(false);
  });

  test("exits with 0 at SIGINT too, at once when idle, and leaves no engine", async () => {
    const sluice = runSluice();
    await sluice.ready;
    const toldAtMs = performance.now();
    sluice.kill("SIGINT");
    expect(await sluice.ended).toEqual({ code: 0, signal: null });
    // Far below the grace period of 30 s, and above what a busy machine may take.
    expect(performance.now() - toldAtMs).toBeLessThan(5_000);
    expect(isAlive(enginePidOf(sluice))).toBe(false);
  });
});

describe("a gateway that is killed", () => {
  test("ends its engine too", async () => {
    const sluice = runSluice();
    const stream = await startStream(await sluice.ready, 900);
    const pid = enginePidOf(sluice);
    expect(isAlive(pid)).toBe(true);
    sluice.kill("SIGKILL");
    expect(await sluice.ended).toEqual({ code: null, signal: "SIGKILL" });
    await expect(stream.text).rejects.toThrow();
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });
});

describe("a start that fails", () => {
  let folder: string;
  let truncated: string;
  let unknownTokenizer: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-lifecycle-"));
    truncated = join(folder, "truncated.gguf");
    await copyFile(inject("modelPath"), truncated);
    await truncate(truncated, 50_000_000);
    unknownTokenizer = join(folder, "unknown-tokenizer.gguf");
    await copyFile(inject("modelPath"), unknownTokenizer);
    await overwriteString(unknownTokenizer, "tokenizer.ggml.model", "gpt2", "gptX");
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** All of stderr at the most verbose log level: it would show an engine's start. */
  async function failure(...args: string[]): Promise<string> {
    const sluice = runSluice("--log-level", "trace", ...args);
    expect(await sluice.ended).toEqual({ code: 1, signal: null });
    return sluice.stderr();
  }

  test("because there is no such file ends with one sentence, and no engine", async () => {
    const path = join(folder, "nowhere.gguf");
    expect(await failure("--model", path)).toBe(
      `error: ${path} does not exist. Check the path, or pull the model first.\n`,
    );
  });

  test("because the file is no GGUF ends with one sentence, and no engine", async () => {
    expect(await failure("--model", "./package.json")).toMatch(/^error: \S+package\.json is not a GGUF file: .+\.\n$/);
  });

  test("because the file is cut short ends with both figures, and no engine", async () => {
    expect(await failure("--model", truncated)).toBe(
      `error: ${truncated} is cut short: its tensors end at byte 98362432, but the file has only 50000000. Download it again.\n`,
    );
  });

  test("because llama.cpp refuses the file ends with one error and one engine, not a restart loop", async () => {
    const sluice = runSluice("--model", unknownTokenizer);
    expect(await sluice.ended).toEqual({ code: 1, signal: null });
    const errors = sluice
      .stderr()
      .split("\n")
      .filter((line) => line.startsWith("error:"));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`The model ${unknownTokenizer} could not be loaded`);
    expect(sluice.stderr()).toContain("unknown tokenizer: 'gptX'");
    expect(new Set(sluice.log().map(({ enginePid }) => enginePid)).size).toBe(1);
  });

  test("because a preset is broken says where, and ends the engine that was loading meanwhile", async () => {
    await writeFile(join(folder, "hi.yaml"), "id: hi\nversion: 1\ndescription: Says hi.\nmaxTokens: many\n");
    const sluice = runSluice("--log-level", "trace", "--state-file", ":memory:", "--prompts-dir", folder);
    expect(await sluice.ended).toEqual({ code: 1, signal: null });
    expect(sluice.stderr()).toContain("hi.yaml:4:1: maxTokens");
    const pids = sluice.log().flatMap(({ enginePid = [] }) => enginePid);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(pids.length).toBeGreaterThan(0);
  });

  test("because the port is taken says which, and what to do", async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
    });
    try {
      expect(await failure("--port", String(port))).toBe(
        `error: Port ${port} on 127.0.0.1 is used by another program. Stop it, or choose another port with --port; --port 0 picks a free one.\n`,
      );
    } finally {
      other.close();
    }
  });
});

/** Replaces a string value in a GGUF file's header by `after`; both have the same length. */
async function overwriteString(path: string, key: string, before: string, after: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const head = Buffer.alloc(64 * 1024);
    await file.read(head, 0, head.length, 0);
    // A key is followed by its type (4 bytes) and the string's length (8 bytes).
    const at = head.indexOf(key) + key.length + 12;
    expect(head.toString("latin1", at, at + before.length)).toBe(before);
    await file.write(Buffer.from(after), 0, after.length, at);
  } finally {
    await file.close();
  }
}
