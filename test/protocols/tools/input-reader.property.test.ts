import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inputToArguments } from "../../../src/protocols/tools/custom.ts";
import { createInputReader } from "../../../src/protocols/tools/input-reader.ts";

/** The input read from `json` in pieces of the given `lengths`. */
function read(json: string, lengths: readonly number[] = [json.length]): string {
  const reader = createInputReader();
  let text = "";
  for (let at = 0, turn = 0; at < json.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    text += reader.push(json.slice(at, at + length));
    at += length;
  }
  return text;
}

describe("a custom tool's input", () => {
  it("is the string in the arguments, however they are cut", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), cuts, fc.boolean(), (input, lengths, isEscaped) => {
        const json = inputToArguments(input);
        const spelled = isEscaped
          ? json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
          : json;
        expect(read(spelled, lengths)).toBe(input);
      }),
    );
  });

  it("is found with spaces around it, and if it is incomplete", () => {
    expect(read('{ "input" : "a\\tb" }\n', [1])).toBe("a\tb");
    expect(read('{"input": "half of it \\', [1])).toBe("half of it ");
    for (const nothing of ['{"inp', "{}", " { }", ""]) expect(read(nothing, [1])).toBe("");
  });

  it("is the whole text if the arguments have no input", () => {
    for (const json of ['{"patch": "x"}', '{"input": 5}', "[1]", "*** Begin Patch"]) {
      expect(read(json)).toBe(json);
      expect(read(json, [1])).toBe(json);
    }
  });
});
