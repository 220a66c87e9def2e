import { describe, expect, it } from "vitest";
import { z } from "zod";
import { describeAllowed, describeSettings, settings } from "../../src/config/settings.ts";

function allowed(schema: z.ZodType): string {
  return describeSettings(z.object({ x: schema }))[0]?.allowed ?? "";
}

describe("describeSettings", () => {
  it("makes the flag's and the variable's name from the key", () => {
    const [setting] = describeSettings(z.object({ maxBodyBytes: z.int().default(7).describe("how much") }));
    expect(setting).toMatchObject({
      key: "maxBodyBytes",
      flag: "--max-body-bytes",
      variable: "SLUICE_MAX_BODY_BYTES",
      description: "how much",
      defaultValue: 7,
      isList: false,
    });
  });

  it("gives every setting a default, a description and names of its own", () => {
    for (const setting of settings) {
      expect(setting.defaultValue, setting.key).toBeDefined();
      expect(setting.description, setting.key).toMatch(/^\S.*[^.]$/);
    }
    expect(new Set(settings.map(({ flag }) => flag)).size).toBe(settings.length);
    expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length);
  });
});

describe("describeAllowed", () => {
  it.each([
    ["a whole number from 0 to 9", z.int().min(0).max(9)],
    ["a number from 0 to 1", z.number().min(0).max(1)],
    ["a number up to 1", z.number().max(1)],
    ["true or false", z.boolean()],
    ["one of a, b or c", z.enum(["a", "b", "c"])],
    ["auto or a whole number from 1 to 2", z.union([z.literal("auto"), z.int().min(1).max(2)])],
    ["text that is not empty", z.string().min(1)],
    ["text of 1 to 5 characters", z.string().min(1).max(5)],
    ["text", z.string()],
    [
      "a list of 1 to 3 entries, each one of a or b",
      z
        .array(z.enum(["a", "b"]))
        .min(1)
        .max(3),
    ],
    [
      "a list of up to 3 entries, each * or a colour",
      z.array(z.union([z.literal("*"), z.string().describe("a colour")])).max(3),
    ],
  ])("says: %s", (words, schema) => {
    expect(allowed(schema)).toBe(words);
  });

  it("uses a schema's own description if it has one", () => {
    expect(describeAllowed({ type: "string", description: "a colour" })).toBe("a colour");
  });
});
