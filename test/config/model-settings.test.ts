import { describe, expect, it } from "vitest";
import { keepLoadedMs, keepLoadedSchema, memorySchema, readSize } from "../../src/config/amounts.ts";
import { loadConfig } from "../../src/config/load.ts";
import { modelsWithSettings, ownLengths, settingsOf } from "../../src/config/model-settings.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { configSchema } from "../../src/config/schema.ts";

const QWEN = ["qwen2.5-7b", "Qwen"];

function load(file: string, flags: Record<string, string[]> = {}, env: NodeJS.ProcessEnv = {}) {
  return loadConfig({
    flags: { config: "sluice.yaml", ...flags },
    env,
    cwd: "/nowhere",
    readFile: () => new TextEncoder().encode(file),
  });
}

function problemsOf(file: string): readonly string[] {
  try {
    load(file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const SECTION = `
slots: 8
perModel:
  qwen2.5-7b:
    slots: 2
    context: 16384
    gpu: off
    prefillShare: 0.5
    maxTokens: 300
  other:
    threads: 1
`;

describe("a model's own settings", () => {
  it("go before those of all models, for that model alone", () => {
    const { config } = load(SECTION);
    expect(settingsOf(config, QWEN)).toMatchObject({
      slots: 2,
      context: 16_384,
      gpu: "off",
      prefillShare: 0.5,
      threads: "auto",
    });
    expect(settingsOf(config, ["other"])).toMatchObject({ slots: 8, context: "auto", threads: 1 });
    expect(settingsOf(config, ["third"])).toEqual(config);
  });

  it("are found by an alias, in any case of letters", () => {
    const { config } = load("perModel: [QWEN.slots=3]");
    expect(settingsOf(config, QWEN).slots).toBe(3);
  });

  it("come from flags and from the environment too, whose models' names may hold dots", () => {
    const flags = load("", { perModel: ["qwen2.5-7b.slots=2", "qwen2.5-7b.slots=5"] });
    expect(settingsOf(flags.config, QWEN).slots).toBe(5);
    const variable = load("", {}, { SLUICE_PER_MODEL: "qwen2.5-7b.context=auto, qwen2.5-7b.gpu=cuda" });
    expect(settingsOf(variable.config, QWEN)).toMatchObject({ context: "auto", gpu: "cuda" });
  });

  it("tell how long its answers are, as `maxTokens` does", () => {
    const { config } = load(SECTION);
    expect(ownLengths(config.perModel, "maxTokens")).toEqual(["qwen2.5-7b=300"]);
    expect(ownLengths(config.perModel, "maxTokensLimit")).toEqual([]);
  });

  it("name the models that have some", () => {
    expect(modelsWithSettings(load(SECTION).config.perModel)).toEqual(["qwen2.5-7b", "other"]);
  });

  it.each([
    ["perModel:\n  m:\n    slots: 0\n", "'0' is no value of 'slots'"],
    ["perModel:\n  m:\n    slots: many\n", "'many' is no value of 'slots'"],
    ['perModel:\n  m:\n    context: ""\n', "'' is no value of 'context'"],
    ["perModel:\n  m:\n    port: 80\n", "a model has no 'port' of its own"],
    ["perModel:\n  m:\n    constructor: 80\n", "a model has no 'constructor' of its own"],
    ["perModel: [slots]", "Give MODEL.SETTING=VALUE"],
  ])("are refused in words: %j", (file, words) => {
    expect(problemsOf(file).join()).toContain(words);
    expect(problemsOf(file).join()).toMatch(/^sluice.yaml:\d: perModel, entry 1: /);
  });
});

describe("how long models stay loaded", () => {
  it.each([
    ["auto", 7, 7],
    ["always", 7, undefined],
    [0, 7, 0],
    ["0", 7, 0],
    ["30s", 7, 30_000],
    ["1.5h", 7, 5_400_000],
  ] as const)("%j is understood", (value, fallback, ms) => {
    expect(keepLoadedMs(keepLoadedSchema.parse(value), fallback)).toBe(ms);
  });

  it.each(["10", 10, "soon", "-5m"])("%j is refused", (value) => {
    expect(keepLoadedSchema.safeParse(value).success).toBe(false);
  });

  it("may be said of one model", () => {
    const config = configSchema.parse({
      perModel: ["qwen3-4b.keepLoaded=10m", "qwen3-4b.pin=on"],
      keepLoaded: "always",
    });
    expect(settingsOf(config, ["qwen3-4b"])).toMatchObject({ keepLoaded: "10m", pin: "on" });
    expect(settingsOf(config, ["gemma-3-270m"])).toMatchObject({ keepLoaded: "always", pin: "off" });
  });
});

describe("the memory of models", () => {
  it.each([
    ["6GiB", 6 * 1024 ** 3],
    ["800MB", 800e6],
    ["1.5 TiB", 1.5 * 1024 ** 4],
  ])("%s is a size", (value, bytes) => {
    expect([memorySchema.safeParse(value).success, readSize(value)]).toEqual([true, bytes]);
  });

  it.each(["6", "6GB of it", "10MiB", "", "-6GiB"])("%j is refused", (value) => {
    expect(memorySchema.safeParse(value).success).toBe(false);
  });
});
