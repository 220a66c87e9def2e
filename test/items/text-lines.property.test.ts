import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textLines } from "../../src/items/text-lines.ts";

const words = fc
  .array(fc.constantFrom("a", "é", "😀", "\r", " ", "bb"), { maxLength: 8 })
  .map((parts) => parts.join(""));

/** Those of a text that comes in pieces of any size. */
async function linesIn(bytes: Uint8Array, sizes: readonly number[], maxLength: number) {
  async function* pieces() {
    let at = 0;
    for (const size of sizes) {
      yield bytes.subarray(at, at + size);
      at += size;
    }
    yield bytes.subarray(at);
  }
  const lines = [];
  for await (const line of textLines(pieces(), maxLength)) lines.push(line);
  return lines;
}

describe("lines of a text that keeps coming", () => {
  it("are the same however it is cut, except for those that are too long", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(words, { minLength: 1 }),
        fc.constantFrom("\n", "\r\n"),
        fc.array(fc.nat(7)),
        fc.integer({ min: 1, max: 12 }),
        async (lines, end, sizes, maxLength) => {
          const bytes = new TextEncoder().encode(lines.map((line) => line + end).join(""));
          const expected = lines.map((line) => {
            const whole = line + end.slice(0, -1);
            return whole.length > maxLength ? undefined : whole.replace(/\r$/, "");
          });
          expect(await linesIn(bytes, sizes, maxLength)).toEqual(expected);
        },
      ),
    );
  });

  it("have one without an end at last", async () => {
    expect(await linesIn(new TextEncoder().encode("a\nb"), [1], 10)).toEqual(["a", "b"]);
    expect(await linesIn(new TextEncoder().encode("a\nbbb"), [1], 2)).toEqual(["a", undefined]);
  });
});
