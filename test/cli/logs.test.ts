import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEntry } from "../../src/cli/logs/entry.ts";
import { followLines, splitLines } from "../../src/cli/logs/lines.ts";
import { showEntry } from "../../src/cli/logs/show.ts";
import { logs } from "../../src/cli/logs.ts";
import type { Paint } from "../../src/cli/style.ts";
import { fakeContext } from "./fake-context.ts";

const REQUEST = {
  ...{ level: "info", time: "2026-11-29T10:00:00.250Z", msg: "request", requestId: "req_1", clientRequestId: "mine" },
  ...{ method: "POST", path: "/v1/chat/completions", status: 200, ms: 1_240, keyId: "key_1", keyName: "alice" },
  ...{ model: "small", tokens: { prompt: 12, cached: 4, completion: 34 }, queueMs: 120, cache: "miss" },
};
const REFUSED = { ...REQUEST, requestId: "req_2", status: 429, ms: 3, error: "rate_limit_exceeded", model: "large" };
/** Without colours. */
const plain: Paint = (_, words) => words;
const WARNING = { level: "warn", time: "2026-11-29T10:05:00.000Z", msg: "The disk is nearly full.", freeBytes: 7 };
const LOG = [JSON.stringify(REQUEST), JSON.stringify(REFUSED), JSON.stringify(WARNING), "(node:1) Warning: old"];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-logs-"));
  await writeFile(join(folder, "sluice.log"), `${LOG.join("\n")}\n`);
});
afterEach(() => rm(folder, { recursive: true }));

/** The lines that are printed for the log. */
async function shown(flags: Readonly<Record<string, string | true>>): Promise<readonly string[]> {
  const context = fakeContext({ cwd: folder });
  await logs("sluice.log", flags, context, () => Date.parse("2026-11-29T10:06:00Z"));
  return context.stdout.text().split("\n").slice(0, -1);
}

describe("sluice logs", () => {
  it("shows requests and messages in a line each, and leaves lines of other programs", async () => {
    const [request, refused, warning, other] = await shown({});
    expect(request).toMatch(
      / {2}200 {4}1\.24 s {2}POST \/v1\/chat\/completions {2}small {2}12 \(4 cached\) \+ 34 tokens/,
    );
    expect(request).toContain("waited 120 ms  cache miss  alice  req_1");
    expect(refused).toContain("429");
    expect(refused).toContain("rate_limit_exceeded");
    expect(warning).toMatch(/ {2}WARN {3}The disk is nearly full\. {2}\{"freeBytes":7\}$/);
    expect(other).toBe("(node:1) Warning: old");
  });

  it.each([
    [{ errors: true }, [1]],
    [{ requests: true }, [0, 1]],
    [{ status: "4xx" }, [1]],
    [{ status: "200" }, [0]],
    [{ slow: "1s" }, [0]],
    [{ model: "large" }, [1]],
    [{ key: "alice" }, [0, 1]],
    [{ key: "key_1", status: "2XX" }, [0]],
    [{ id: "mine" }, [0, 1]],
    [{ id: "req_2" }, [1]],
    [{ path: "/v1/models" }, []],
    [{ level: "warn" }, [2]],
    [{ since: "2m" }, [2]],
    [{ since: "2026-11-29" }, [0, 1, 2]],
  ] as const)("shows with %j only what matches, as it is with --json", async (flags, expected) => {
    expect(await shown({ ...flags, json: true })).toEqual(expected.map((index) => LOG[index]));
  });

  it.each([
    [{ status: "many" }, "--status"],
    [{ slow: "2" }, "--slow"],
    [{ since: "yesterday" }, "--since"],
    [{ level: "loud" }, "--level"],
  ])("refuses %j and says what it takes", async (flags, name) => {
    await expect(shown(flags)).rejects.toThrow(name);
  });

  it("says where a log comes from if there is none", async () => {
    await expect(logs(undefined, {}, fakeContext())).rejects.toThrow("stderr");
    await expect(logs("none.log", {}, fakeContext({ cwd: folder }))).rejects.toThrow("none.log");
    await expect(logs(".", {}, fakeContext({ cwd: folder }))).rejects.toThrow("can't be read");
  });

  it("reads what is piped in, and colours it for a terminal unless NO_COLOR is set", async () => {
    const print = async (env: NodeJS.ProcessEnv) => {
      const context = fakeContext({ env });
      const stdin = Readable.from([Buffer.from(`${JSON.stringify(REQUEST)}\n`)]);
      await logs(undefined, {}, { ...context, stdin, stdout: Object.assign(context.stdout, { isTTY: true }) });
      return context.stdout.text();
    };
    expect(await print({})).toContain("\u001b[32m200");
    expect(await print({ NO_COLOR: "1" })).not.toContain("\u001b");
  });
});

describe("lines", () => {
  it("are the same however their text is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", " "))),
        fc.array(fc.nat(40)),
        async (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
          const pieces: Buffer[] = [];
          let at = 0;
          for (const length of [...cuts, bytes.length]) {
            pieces.push(bytes.subarray(at, at + length));
            at += length;
          }
          const read: string[] = [];
          for await (const line of splitLines(Readable.from(pieces))) read.push(line);
          expect(read).toEqual(lines);
        },
      ),
    );
  });

  it("that are added are followed, also in the file that takes the place of the old", async () => {
    const [file, stop] = [join(folder, "sluice.log"), new AbortController()];
    const followed = followLines(file, stop.signal);
    const next = async () => (await followed.next()).value;
    for (const line of LOG) expect(await next()).toBe(line);
    const added = next();
    await appendFile(file, "one\n");
    expect(await added).toBe("one");
    const fresh = next();
    await rename(file, `${file}.1`);
    await writeFile(file, "two\n");
    expect(await fresh).toBe("two");
    stop.abort();
    expect((await followed.next()).done).toBe(true);
  });

  it("are shown however deeply they are nested, and with what turns the direction of writing made visible", () => {
    const deep = `{"time":"2026-11-29T10:00:00Z","msg":"\u202eolleh","rest":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
    expect(showEntry(readEntry(deep), plain)).toContain("\\u202eolleh");
  });

  it("show nothing that moves a terminal's cursor, whatever they hold", () => {
    const word = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(word, word, fc.boolean(), (path, text, isRequest) => {
        const line = isRequest ? { ...REQUEST, path, error: text, extra: { text } } : { ...WARNING, msg: text, path };
        expect(showEntry(readEntry(JSON.stringify(line)), plain)).not.toMatch(/\p{Cc}/u);
        expect(showEntry(readEntry(text), plain)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});
