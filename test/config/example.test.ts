import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { configSchema } from "../../src/config/schema.ts";
import { settings } from "../../src/config/settings.ts";

const example = readFileSync(new URL("../../sluice.example.yaml", import.meta.url), "utf8");
const settingLines = example.split("\n").filter((line) => /^#\w/.test(line));

describe("sluice.example.yaml", () => {
  it("changes nothing when it is copied as it is", () => {
    const { config, file } = load(example);
    expect(file).toBe("sluice.yaml");
    expect(config).toEqual(configSchema.parse({}));
  });

  it("holds every setting, in the schema's order", () => {
    expect(settingLines.map((line) => line.slice(1, line.indexOf(":")))).toEqual(settings.map(({ key }) => key));
  });

  it("shows the defaults: with every # taken off, nothing changes either", () => {
    const { config, origins } = load(settingLines.map((line) => line.slice(1)).join("\n"));
    expect(config).toEqual(configSchema.parse({}));
    expect(Object.values(origins).every((origin) => origin.source === "file")).toBe(true);
  });

  it.each(settings)("says what $key is and what it may be", ({ description, allowed }) => {
    expect(example.toLowerCase()).toContain(`# ${description.toLowerCase()}.\n# give ${allowed.toLowerCase()}.\n`);
  });
});

function load(text: string) {
  return loadConfig({
    flags: { config: "sluice.yaml" },
    env: {},
    cwd: "/nowhere",
    readFile: () => new TextEncoder().encode(text),
  });
}
