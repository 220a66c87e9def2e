import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFault, parseLine } from "../../src/batch/line.ts";
import { type Line, type Place, readLines } from "../../src/batch/read-lines.ts";
import { validateInput } from "../../src/batch/validate.ts";
import { CHAT, lineOf } from "./support.ts";

async function withFile<T>(
  content: string | Uint8Array,
  use: (handle: Awaited<ReturnType<typeof open>>) => Promise<T>,
) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-lines-"));
  writeFileSync(join(folder, "in"), content);
  const handle = await open(join(folder, "in"));
  try {
    return await use(handle);
  } finally {
    await handle.close();
    rmSync(folder, { recursive: true });
  }
}

async function linesOf(content: string | Uint8Array, maxBytes = 1_000_000, from: Place = { line: 0, offset: 0 }) {
  return withFile(content, async (handle) => {
    const lines: Line[] = [];
    for await (const line of readLines(handle, from, maxBytes)) lines.push(line);
    return lines;
  });
}

const anyText = fc.stringMatching(/^[ a-zé😀"\\]{0,20}$/u);

describe("the lines of a file", () => {
  it("are all read, whatever ends them, and each can be begun from", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { maxLength: 12 }), fc.constantFrom("\n", "\r\n"), async (texts, end) => {
        const content = texts.join(end);
        const lines = await linesOf(content);
        expect(lines.map(({ text }) => text)).toEqual(texts.map((text) => text.trim()).filter((text) => text !== ""));
        for (const [index, line] of lines.entries()) {
          expect(line.line).toBe(index);
          const rest = await linesOf(content, 1_000_000, line);
          expect(rest.map(({ text }) => text)).toEqual(lines.slice(index).map(({ text }) => text));
          const behind = await linesOf(content, 1_000_000, { line: index + 1, offset: line.end });
          expect(behind.map(({ text }) => text)).toEqual(lines.slice(index + 1).map(({ text }) => text));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("are read over the edges of what is read at once, and have their numbers", async () => {
    const texts = Array.from({ length: 40 }, (_, index) => String(index % 10).repeat(20_011 + index));
    const lines = await linesOf(`\n${texts.join("\n\n")}`);
    expect(lines.map(({ text }) => text)).toEqual(texts);
    expect(lines.map(({ number }) => number)).toEqual(texts.map((_, index) => 2 + 2 * index));
  });

  it("that are too long are passed over without being kept, and bytes that are no text are told of", async () => {
    expect(await linesOf(`a\n${"b".repeat(600_000)}\nc`, 100)).toMatchObject([
      { text: "a", line: 0 },
      { text: undefined, line: 1 },
      { text: "c", line: 2 },
    ]);
    expect(await linesOf(Buffer.from([0x61, 0xff, 0x0a, 0x62]))).toMatchObject([{ isUtf8: false }, { text: "b" }]);
    expect(await linesOf("\uFEFF{}")).toMatchObject([{ text: "{}" }]);
  });
});

/** A file in memory, of which each read is there at once: only the reader lets others have their turn. */
function inMemory(content: Buffer) {
  return {
    async read(into: Buffer, at: number, length: number, position: number) {
      return { bytesRead: content.copy(into, at, position, position + length) };
    },
  };
}

/** How many turns others have until a promise is settled. */
async function turnsUntil(settled: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isSettled = false;
  const end = settled.finally(() => {
    isSettled = true;
  });
  while (!isSettled) {
    turns += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await end;
  return turns;
}

const whole = { line: 0, offset: 0, number: 1, end: 1, isUtf8: true };
const faultOf = async (text: string) => {
  const read = await parseLine({ ...whole, text }, CHAT, 1_000);
  return isFault(read) ? `${read.code} ${read.param}` : "none";
};

/** A request with so many arrays in its body, one in the other. */
const nested = (depth: number) =>
  lineOf("a", { messages: 0 }).replace('"messages":0', `"messages":${"[".repeat(depth)}${"]".repeat(depth)}`);

describe("a line of a batch", () => {
  it("is a request, with its body as it is written", async () => {
    const text = `{"custom_id":"a","method":"POST","url":"${CHAT}","body": {"seed": 12345678901234567890, "model":"m"} }`;
    expect(await parseLine({ ...whole, text }, CHAT, 1_000)).toMatchObject({
      customId: "a",
      model: "m",
      body: '{"seed": 12345678901234567890, "model":"m"}',
    });
  });

  it.each([
    ["{", "invalid_json_line null"],
    ["[]", "invalid_json_line null"],
    ["null", "invalid_json_line null"],
    ['{"method":"POST"}', "missing_required_parameter custom_id"],
    ['{"custom_id":""}', "invalid_value custom_id"],
    ['{"custom_id":7}', "invalid_value custom_id"],
    ['{"custom_id":"a"}', "missing_required_parameter method"],
    ['{"custom_id":"a","method":"GET"}', "invalid_method method"],
    ['{"custom_id":"a","method":"POST"}', "missing_required_parameter url"],
    ['{"custom_id":"a","method":"POST","url":"/v1/files"}', "invalid_url url"],
    [`{"custom_id":"a","method":"POST","url":"${CHAT}"}`, "missing_required_parameter body"],
    [`{"custom_id":"a","method":"POST","url":"${CHAT}","body":[]}`, "invalid_type body"],
    [lineOf("a", { stream: true }), "invalid_value body.stream"],
    [lineOf("a", { background: true }), "invalid_value body.background"],
    [lineOf("a", { stream: false, background: null }), "none"],
  ])("that is %s has the fault %s", async (text, fault) => {
    expect(await faultOf(text)).toBe(fault);
  });

  it.each([
    [255, "none"],
    [256, "invalid_value null"],
    [20_000, "invalid_value null"],
  ])("with %i arrays in each other in its body has the fault %s", async (depth, fault) => {
    expect(await faultOf(nested(depth))).toBe(fault);
    expect(await faultOf(nested(depth).slice(0, -depth))).not.toBe("none");
  });

  it("with more names than a request may have has a fault, before anything is made of them", async () => {
    const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));
    expect(await faultOf(lineOf("a", { logit_bias: names(10_000) }))).toBe("none");
    expect(await faultOf(lineOf("a", { logit_bias: names(10_001) }))).toBe("invalid_value null");
  });

  it("lets others have their turn while it is looked through", async () => {
    const read = faultOf(lineOf("a", { input: Array.from({ length: 99_000 }, () => "word after word") }));
    expect(await turnsUntil(read)).toBeGreaterThan(5);
    expect(await read).toBe("none");
  });
});

describe("a batch's input", () => {
  const options = { endpoint: CHAT, maxLineBytes: 1_000, maxLines: 1_000, signal: new AbortController().signal };
  const check = (texts: readonly string[], more = {}) =>
    withFile(texts.join("\n"), (handle) => validateInput(handle, { ...options, ...more }));

  it("is told of with its lines and their model", async () => {
    const lines = [lineOf("a", { model: "m" }), "", lineOf("b", { model: "m" })];
    expect(await check(lines)).toEqual({ lines: 2, faults: [], model: "m" });
    expect(await check([...lines, lineOf("c", { model: "n" })])).toMatchObject({ model: undefined });
  });

  it.each([
    ["empty", "\n"],
    ["of a carriage return", "\r\n"],
    ["of spaces that only Unicode knows", "\u3000\n"],
  ])("with blank lines that are %s lets others have their turn", async (_, blank) => {
    const input = inMemory(Buffer.from(blank.repeat(100_000) + lineOf("a")));
    const validated = validateInput(input, { ...options, maxLines: 1_000_000 });
    expect(await turnsUntil(validated)).toBeGreaterThan(100);
    expect(await validated).toMatchObject({ lines: 1, faults: [] });
  });

  it("has at most as many blank lines as others", async () => {
    expect(await check(["", lineOf("a"), "", lineOf("b")], { maxLines: 2 })).toMatchObject({ lines: 2, faults: [] });
    expect((await check(["", "", " ", lineOf("a")], { maxLines: 2 })).faults).toEqual([
      {
        code: "too_many_lines",
        message: "The file has more than 2 blank lines. Leave them out.",
        param: null,
        line: 3,
      },
    ]);
  });

  it("has its faults by their lines, a hundred at most", async () => {
    expect((await check([lineOf("a"), "", "{", lineOf("a")])).faults).toMatchObject([
      { line: 3, code: "invalid_json_line" },
      { line: 4, code: "duplicate_custom_id", param: "custom_id" },
    ]);
    expect((await check(Array.from({ length: 500 }, () => "{"))).faults).toHaveLength(100);
    expect((await check(["", " "])).faults).toMatchObject([{ code: "empty_file", line: null }]);
    const many = [1, 2, 3].map((name) => lineOf(String(name)));
    expect((await check(many, { maxLines: 2 })).faults).toMatchObject([{ code: "too_many_lines", line: 3 }]);
  });
});
