import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { didYouMean, nearest } from "../../src/config/suggest.ts";

const names = ["port", "host", "model", "maxPending", "modelsDir"];

describe("nearest", () => {
  it.each([
    ["prot", "port"],
    ["models", "model"],
    ["max-pending", "maxPending"],
    ["MAX_PENDNG", "maxPending"],
    ["modelDir", "modelsDir"],
  ])("finds, for %s, %s", (word, name) => {
    expect(nearest(word, names)).toBe(name);
  });

  it.each(["temperature", "x", "", "xxrt"])("makes no guess for %j", (word) => {
    expect(nearest(word, ["maxPending", "modelsDir"])).toBeUndefined();
  });

  it("finds any name again after one slip: a character more, less, replaced, or two swapped", () => {
    const slip = fc.record({
      name: fc.constantFrom(...names),
      at: fc.nat(),
      kind: fc.constantFrom("add", "drop", "replace", "swap"),
    });
    fc.assert(
      fc.property(slip, ({ name, at, kind }) => {
        const i = at % (name.length - 1);
        const tail = {
          add: `q${name.slice(i)}`,
          drop: name.slice(i + 1),
          replace: `q${name.slice(i + 1)}`,
          swap: `${name[i + 1]}${name[i]}${name.slice(i + 2)}`,
        }[kind];
        expect(nearest(name.slice(0, i) + tail, [name, "somethingElseAltogether"])).toBe(name);
      }),
    );
  });

  it("takes words of any length without effort", () => {
    expect(nearest("x".repeat(1_000_000), names)).toBeUndefined();
  });
});

describe("didYouMean", () => {
  it("is a question to be put behind a message, or nothing", () => {
    expect(didYouMean("prot", names)).toBe(" Did you mean port?");
    expect(didYouMean("temperature", names)).toBe("");
  });
});
