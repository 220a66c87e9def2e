import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { coerceFlag, coerceText, coerceVariable } from "../../src/config/coerce.ts";
import { describeSettings, type Setting } from "../../src/config/settings.ts";

const schema = z.object({
  count: z.int().default(1).describe("a whole number"),
  ratio: z.number().default(0.5).describe("any number"),
  size: z
    .union([z.literal("auto"), z.int()])
    .default("auto")
    .describe("a word or a number"),
  mode: z.enum(["off", "1", "on"]).default("off").describe("a word that looks like something else"),
  verbose: z.boolean().default(false).describe("a switch"),
  name: z.string().default("").describe("text"),
  names: z.array(z.string()).default([]).describe("texts"),
  sizes: z
    .array(z.union([z.literal("auto"), z.int()]))
    .default([])
    .describe("words or numbers"),
});
const byKey = new Map<string, Setting>(describeSettings(schema).map((setting) => [setting.key, setting]));

function setting(key: keyof z.infer<typeof schema>): Setting {
  const found = byKey.get(key);
  if (found === undefined) throw new Error(`the test's schema has no ${key}`);
  return found;
}

const wholeNumber = fc.integer();
const entryText = fc.string({ minLength: 1 }).filter((text) => !text.includes(",") && text === text.trim());

describe("coerceText", () => {
  it("gives back every value of a setting from its text", () => {
    const values = fc.oneof(
      fc.tuple(fc.constantFrom("count" as const, "size" as const), wholeNumber),
      fc.tuple(fc.constant("size" as const), fc.constant("auto")),
      fc.tuple(fc.constant("ratio" as const), fc.double({ noNaN: true, noDefaultInfinity: true })),
      fc.tuple(fc.constant("mode" as const), fc.constantFrom("off", "1", "on")),
      fc.tuple(fc.constant("verbose" as const), fc.boolean()),
      fc.tuple(fc.constant("name" as const), fc.string()),
    );
    fc.assert(
      fc.property(values, ([key, value]) => {
        const read = coerceText(String(value), setting(key).valueSchema);
        // -0 is written as 0.
        expect(read).toEqual(value === 0 ? 0 : value);
      }),
    );
  });

  it("makes a number only of text that the schema's number is written as, and leaves all else for the schema to refuse", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom("", " ", "0x10", "1e3", "1.5", "NaN", "Infinity", "--1", "1_000")),
        (text) => {
          const read = coerceText(text, setting("count").valueSchema);
          if (/^\s*[+-]?\d+\s*$/.test(text)) expect(read).toBe(Number(text));
          else expect(read).toBe(text);
        },
      ),
    );
  });

  it("keeps a number that is too large to be exact as it was written", () => {
    expect(coerceText("99999999999999999999", setting("count").valueSchema)).toBe("99999999999999999999");
  });

  it.each([
    ["true", true],
    ["Yes", true],
    ["on", true],
    ["1", true],
    ["false", false],
    ["NO", false],
    ["off", false],
    ["0", false],
    ["maybe", "maybe"],
  ])("reads the switch %s as %s", (text, value) => {
    expect(coerceText(text, setting("verbose").valueSchema)).toBe(value);
  });
});

describe("coerceVariable", () => {
  it("takes a list's entries apart at commas, whatever spaces are around them", () => {
    fc.assert(
      fc.property(fc.array(entryText), fc.constantFrom(",", ", ", " ,", ",,"), (entries, comma) => {
        expect(coerceVariable(entries.join(comma), setting("names"))).toEqual(entries);
      }),
    );
  });

  it("reads each entry by the entries' schema", () => {
    expect(coerceVariable("auto, 3,x", setting("sizes"))).toEqual(["auto", 3, "x"]);
  });

  it("leaves commas in a setting that is no list", () => {
    expect(coerceVariable("a,b", setting("name"))).toBe("a,b");
  });
});

describe("coerceFlag", () => {
  it("takes each repetition of a list's flag as it is, commas included", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (texts) => {
        expect(coerceFlag(texts, setting("names"))).toEqual(texts);
      }),
    );
  });

  it("takes a list's flag that came once as a list of one", () => {
    expect(coerceFlag("7", setting("sizes"))).toEqual([7]);
  });

  it("takes a switch's two flags as true and false", () => {
    expect(coerceFlag(true, setting("verbose"))).toBe(true);
    expect(coerceFlag(false, setting("verbose"))).toBe(false);
  });
});
