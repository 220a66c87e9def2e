import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Found, MAX_RESULT_BYTES, readResults } from "../../../src/batch/elsewhere/results.ts";
import { expiredLine, resultLine } from "./fake-server.ts";

const MIB = 1024 * 1024;

/** A file that comes as fast as it is read, and notes how much of it was. */
function fileOf(pieces: Iterable<string | Buffer>) {
  const file = {
    bytes: 0,
    isLeft: false,
    async *chunks() {
      try {
        for (const piece of pieces) {
          const chunk = Buffer.from(piece);
          file.bytes += chunk.byteLength;
          yield chunk;
        }
      } finally {
        file.isLeft = true;
      }
    },
  };
  return file;
}

async function readAll(file: ReturnType<typeof fileOf>, lines: number, isAwaited = (line: number) => line < lines) {
  const found: Found[] = [];
  for await (const each of readResults(file.chunks(), { lines, isAwaited })) found.push(each);
  return found;
}

function* withoutEnd(piece: string | Buffer): Generator<string | Buffer> {
  for (;;) yield piece;
}

/** How often others had their turn while this went on. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  let turns = 0;
  const ended = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await setImmediate();
    turns += 1;
  }
  await ended;
  return turns;
}

describe("a file of results", () => {
  it("is read line by line, wherever its chunks end", async () => {
    const lines = [resultLine("0", { by: "ü" }), expiredLine("1"), "junk", resultLine("2", { n: 1 }, 400)];
    const bytes = Buffer.from(lines.join("\n"));
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(await readAll(fileOf(pieces), 3)).toEqual([
      { line: 0, answer: { status: 200, body: '{"by":"ü"}' } },
      { line: 1, answer: undefined },
      "strange",
      { line: 2, answer: { status: 400, body: '{"n":1}' } },
    ]);
  });

  it("is known by its own custom_id, also behind an answer that has one in it", async () => {
    const body = { metadata: { custom_id: "7" } };
    const line = JSON.stringify({ response: { status_code: 200, body }, custom_id: "1" });
    expect(await readAll(fileOf([line]), 2)).toEqual([
      { line: 1, answer: { status: 200, body: JSON.stringify(body) } },
    ]);
    expect(await readAll(fileOf([line]), 8, (line) => line === 7)).toEqual(["strange"]);
  });

  it("has a line of 4 MiB, and none that is longer", async () => {
    const fits = (bytes: number) => {
      const bare = Buffer.byteLength(resultLine("0", { text: "" }));
      return fileOf([`${resultLine("0", { text: "x".repeat(bytes - bare) })}\n`]);
    };
    expect(await readAll(fits(MAX_RESULT_BYTES), 1)).toMatchObject([{ line: 0, answer: { status: 200 } }]);
    expect(await readAll(fits(MAX_RESULT_BYTES + 1), 1)).toEqual(["strange"]);
  });

  it.each([
    ["members", `{${Array.from({ length: 60_000 }, (_, n) => `"${n}":0`).join(",")}}`],
    ["objects", `{"a":[${"{},".repeat(200_000)}{}]}`],
    ["levels", `{"a":${"[".repeat(2_000_000)}`],
  ])("has no line with more %s than a request may have", async (_, body) => {
    const line = `{"custom_id":"0","response":{"status_code":200,"body":${body}}}\n`;
    expect(await readAll(fileOf([line]), 1)).toEqual(["strange"]);
  });

  it.each([
    ["empty lines", "\n".repeat(64 * 1024)],
    ["lines that are none", "{}\n".repeat(20_000)],
    ["the same result that does not count", `${expiredLine("0")}\n`.repeat(1_000)],
    ["one line", Buffer.alloc(MIB, 0x20)],
    ["lines that are too long", `${" ".repeat(5 * MIB)}\n`],
  ])("is left when it is %s without end", async (_, piece) => {
    const file = fileOf(withoutEnd(piece));
    const found = await readAll(file, 10);
    expect(found.at(-1)).toBe("excess");
    expect(found.length).toBeLessThan(2_000);
    expect(file.isLeft).toBe(true);
    expect(file.bytes).toBeLessThan(70 * MIB);
  });

  it("lets others have their turn while it is full of strange lines", async () => {
    const stranger = `${resultLine("99", { text: "x".repeat(1_000) })}\n`;
    const lines = 20_000;
    const file = fileOf(Array<string>(lines).fill(stranger));
    // Each turn is 256 KiB.
    expect(await turnsDuring(readAll(file, lines, () => false))).toBeGreaterThan(50);
  });

  it("lets others have their turn while it is full of short lines, or comes in small chunks", async () => {
    expect(await turnsDuring(readAll(fileOf(["\n".repeat(30_000)]), 10_000))).toBeGreaterThan(20);
    expect(await turnsDuring(readAll(fileOf(Array<string>(30_000).fill(" ")), 10_000))).toBeGreaterThan(20);
  });
});
