import fc from "fast-check";
import { expect, test } from "vitest";
import { parseStream } from "../../../bench/load/sse.ts";

const USAGE = { prompt_tokens: 76, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 64 } };

function frame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function textFrame(content: string): string {
  return frame({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
}

const ROLE = frame({ choices: [{ index: 0, delta: { role: "assistant", content: null }, finish_reason: null }] });
const END = frame({ choices: [{ index: 0, delta: {}, finish_reason: "length" }] });
const FAREWELL = `${frame({ choices: [], usage: USAGE })}data: [DONE]\n\n`;

function read(atMs: number, text: string) {
  return { atMs, bytes: Buffer.from(text) };
}

test("a text arrives when its read came, and what brings no text is no arrival", () => {
  const stream = parseStream([
    read(1, ROLE),
    read(2, textFrame("Hel")),
    read(5, textFrame("lo")),
    read(6, END + FAREWELL),
  ]);
  expect(stream).toEqual({
    arrivals: [
      { atMs: 2, text: "Hel" },
      { atMs: 5, text: "lo" },
    ],
    usage: { promptTokens: 76, completionTokens: 2, cachedTokens: 64 },
    finishReason: "length",
    done: true,
  });
});

test("the texts of a completion arrive too", () => {
  const frame = (text: string) => `data: ${JSON.stringify({ choices: [{ text, finish_reason: null }] })}\n\n`;
  expect(parseStream([read(1, frame("")), read(2, frame("a")), read(3, frame("b"))]).arrivals).toEqual([
    { atMs: 2, text: "a" },
    { atMs: 3, text: "b" },
  ]);
});

test("texts of one read are one arrival", () => {
  expect(parseStream([read(3, textFrame("a") + textFrame("b"))]).arrivals).toEqual([{ atMs: 3, text: "ab" }]);
});

test("an empty text is no arrival", () => {
  expect(parseStream([read(3, textFrame(""))]).arrivals).toEqual([]);
});

test("wherever the bytes are cut, the text is whole and each frame counts when its last byte came", () => {
  const bytes = Buffer.from(ROLE + textFrame("Grüße, ") + textFrame("世界 🌍") + END + FAREWELL);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (places) => {
      const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length];
      const reads = cuts.slice(1).map((end, index) => ({ atMs: index, bytes: bytes.subarray(cuts[index], end) }));
      const { arrivals, usage, done } = parseStream(reads);
      expect(arrivals.map(({ text }) => text).join("")).toBe("Grüße, 世界 🌍");
      expect(usage?.completionTokens).toBe(2);
      expect(done).toBe(true);
    }),
  );
});

test("keep-alive comments are passed over", () => {
  expect(parseStream([read(1, ": ping\n\n"), read(2, textFrame("a"))]).arrivals).toEqual([{ atMs: 2, text: "a" }]);
});

test("a stream that stops in the middle is not done", () => {
  expect(parseStream([read(1, `${textFrame("a")}data: {"cho`)])).toMatchObject({ usage: undefined, done: false });
});

test("an error in the stream is thrown in the server's words", () => {
  expect(() => parseStream([read(1, frame({ error: { message: "out of slots" } }))])).toThrow(/out of slots/);
});
