import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { answerLengths } from "../../src/gateway/answer-lengths.ts";
import { boundAnswers } from "../../src/keys/answer-length.ts";
import type { KeyPolicy } from "../../src/keys/key.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { key } from "./support.ts";

const models = createModelDirectory([
  servedModel({ id: "small", aliases: ["tiny"] }),
  servedModel({ id: "owner/repo:Q4_K_M" }),
]);

type Setting = { readonly maxTokens?: readonly string[]; readonly maxTokensLimit?: readonly string[] };

/** The length that a request for `model` is generated with. */
async function lengthOf(
  settings: Setting,
  asked: number | undefined,
  { policy = {}, model = "small" }: { policy?: Partial<KeyPolicy>; model?: string } = {},
): Promise<number | undefined> {
  const { config } = loadConfig({ flags: settings, env: {}, cwd: "/nowhere" });
  const whose = key(policy);
  const layer = boundAnswers({ get: (id) => (id === whose.id ? whose : undefined) }, answerLengths(config, models).of);
  let seen: number | undefined;
  const request = generationRequest({ model, maxTokens: asked, terms: { tenant: whose.id, priority: "default" } });
  await collect(
    layer(request, async function* ({ maxTokens }) {
      yield* [];
      seen = maxTokens;
    }),
  );
  return seen;
}

describe("the length of an answer", () => {
  it("is as requested, or as much as fits, without a setting", async () => {
    expect(await lengthOf({}, 32_000)).toBe(32_000);
    expect(await lengthOf({}, undefined)).toBeUndefined();
  });

  it("is the setting's if the request has none", async () => {
    expect(await lengthOf({ maxTokens: ["512"] }, undefined)).toBe(512);
    expect(await lengthOf({ maxTokens: ["512"] }, 9)).toBe(9);
    expect(await lengthOf({ maxTokens: ["512"] }, 32_000)).toBe(32_000);
  });

  it("is cut to the limit, and never refused for it", async () => {
    expect(await lengthOf({ maxTokensLimit: ["1024"] }, 32_000)).toBe(1_024);
    expect(await lengthOf({ maxTokensLimit: ["1024"] }, undefined)).toBe(1_024);
    expect(await lengthOf({ maxTokens: ["4096"], maxTokensLimit: ["1024"] }, undefined)).toBe(1_024);
  });

  it("is that of the model's own entry, by id or alias, before the one for all", async () => {
    const settings = { maxTokens: ["512", "TINY=64"], maxTokensLimit: ["owner/repo:Q4_K_M=8"] };
    expect(await lengthOf(settings, undefined)).toBe(64);
    expect(await lengthOf(settings, undefined, { model: "owner/repo:Q4_K_M" })).toBe(8);
    expect(await lengthOf(settings, 100, { model: "owner/repo:Q4_K_M" })).toBe(8);
  });

  it("is the key's if it has one, within both limits", async () => {
    const settings = { maxTokens: ["512"], maxTokensLimit: ["1024"] };
    expect(await lengthOf(settings, undefined, { policy: { maxTokens: 99 } })).toBe(99);
    expect(await lengthOf(settings, 5_000, { policy: { maxTokensLimit: 200 } })).toBe(200);
    expect(await lengthOf(settings, 5_000, { policy: { maxTokensLimit: 9_000 } })).toBe(1_024);
    expect(await lengthOf(settings, undefined, { policy: { maxTokens: 99, maxTokensLimit: 9 } })).toBe(9);
  });

  it("never exceeds a limit nor what was requested", async () => {
    const tokens = fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(tokens, tokens, tokens, tokens, tokens, async (asked, usual, most, ofKey, mostOfKey) => {
        const settings = {
          ...(usual !== undefined && { maxTokens: [String(usual)] }),
          ...(most !== undefined && { maxTokensLimit: [String(most)] }),
        };
        const policy = {
          ...(ofKey !== undefined && { maxTokens: ofKey }),
          ...(mostOfKey !== undefined && { maxTokensLimit: mostOfKey }),
        };
        const length = await lengthOf(settings, asked, { policy });
        for (const bound of [asked, most, mostOfKey])
          if (bound !== undefined) expect(length).toBeLessThanOrEqual(bound);
        if (length === undefined) expect([asked, usual, most, ofKey, mostOfKey]).toEqual(Array(5).fill(undefined));
      }),
    );
  });
});

it.each(["0", "-1", "1048577", "many", "=5", "small=", "small=0", "small=x"])("refuses %j as a length", (text) => {
  expect(() => loadConfig({ flags: { maxTokens: [text] }, env: {}, cwd: "/nowhere" })).toThrow(/--max-tokens, entry 1/);
});

it("reads several entries from the environment, and warns at the start about an unknown model", () => {
  const { config } = loadConfig({ flags: {}, env: { SLUICE_MAX_TOKENS: "512,small=64" }, cwd: "/nowhere" });
  expect(answerLengths(config, models).of("small")).toEqual({ maxTokens: 64, maxTokensLimit: undefined });
  expect(() => answerLengths({ maxTokens: ["other=5"], maxTokensLimit: [], perModel: [] }, models)).toThrow(
    ConfigError,
  );
  const perModel = ["small.maxTokens=9", "other.slots=1"];
  expect(() => answerLengths({ maxTokens: [], maxTokensLimit: [], perModel }, models)).toThrow(
    "--per-model: unknown model: other.",
  );
  expect(
    answerLengths({ maxTokens: [], maxTokensLimit: [], perModel: ["small.maxTokens=9"] }, models).of("small").maxTokens,
  ).toBe(9);
  expect(() => answerLengths({ maxTokens: [], maxTokensLimit: ["other=5"], perModel: [] }, models)).toThrow(
    "--max-tokens-limit: unknown model: other. Available: small, owner/repo:Q4_K_M.",
  );
});

it("applies to a model added after the start, by its alias in the settings", async () => {
  const { config } = loadConfig({ flags: { maxTokens: ["512", "late=64"] }, env: {}, cwd: "/nowhere" });
  const late = servedModel({ id: "later", aliases: ["late"] });
  const directory = createModelDirectory([servedModel({ id: "small" }), late]);
  directory.remove("later");
  expect(() => answerLengths(config, directory)).toThrow(ConfigError);
  directory.add(late);
  const lengthOf = answerLengths(config, directory).of;
  directory.remove("later");
  expect(lengthOf("later").maxTokens).toBe(512);
  directory.add(late);
  expect(lengthOf("later").maxTokens).toBe(64);
});
