import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";

function load(file: string, flags: Record<string, readonly string[]> = {}) {
  const readFile = () => Buffer.from(file);
  return loadConfig({ flags: { config: "sluice.yaml", ...flags }, env: {}, cwd: "/", readFile }).config;
}

function problemsOf(file: string): readonly string[] {
  try {
    load(file);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("upstreams in the file", () => {
  it("are groups of keys, each with a name", () => {
    const { upstreams, model } = load(`
upstreams:
  cluster: { kind: vllm, baseUrl: "http://10.0.0.5:8000", timeouts: { connectMs: 100 }, models: [a/b, c] }
  plain: https://example.com
  cloud: { kind: openai, models: { large: gpt-5, small: { name: gpt-5-mini, contextTokens: 1000 } } }
`);
    expect(upstreams).toMatchObject([
      {
        name: "cluster",
        kind: "vllm",
        timeouts: { connectMs: 100 },
        models: { "a/b": { name: "a/b" }, c: { name: "c" } },
      },
      { name: "plain", kind: "generic", baseUrl: "https://example.com", models: "all" },
      {
        ...{ name: "cloud", baseUrl: "https://api.openai.com", apiKeyEnv: "OPENAI_API_KEY" },
        models: { large: { name: "gpt-5" }, small: { name: "gpt-5-mini", contextTokens: 1000 } },
      },
    ]);
    expect(model).toEqual([]);
  });

  it("leave a model that was named beside them", () => {
    expect(load("model: m\nupstreams: {a: http://127.0.0.1:1}").model).toEqual(["m"]);
  });

  it("don't send the official variable's key to another host", () => {
    const [upstream] = load("upstreams: {a: {kind: openai, baseUrl: 'https://evil.example'}}").upstreams;
    expect(upstream?.apiKeyEnv).toBeUndefined();
  });

  it.each([
    ["a key that is none", "{baseUrl: 'http://x', colour: red}", "there is no key 'colour'. Keys: baseUrl, kind"],
    ["a value of the wrong kind", "{baseUrl: 'http://x', timeouts: {connectMs: soon}}", 'timeouts.connectMs: "soon"'],
    ["no URL", "{kind: vllm}", "baseUrl is missing. Give an http or https URL"],
    ["a secret in the URL", "{baseUrl: 'http://u:p@x'}", "without user, password"],
    ["a secret in the proxy's URL", "{baseUrl: 'http://x', proxy: 'http://u:p@y'}", "proxy: "],
    ["two places for the key", "{baseUrl: 'http://x', apiKeyEnv: A, apiKeyFile: b}", "apiKeyEnv is given too"],
    ["a key in the clear", "{baseUrl: 'http://x', apiKey: sk-1}", "there is no key 'apiKey'"],
    ["an unknown kind", "{baseUrl: 'http://x', kind: vlm}", "Give one of openai, anthropic"],
    ["no models", "{baseUrl: 'http://x', models: {}}", "models: "],
    ["another scheme", "{baseUrl: 'file:///etc/passwd'}", "baseUrl: "],
  ])("are refused by the key that is wrong: %s", (_, group, words) => {
    expect(problemsOf(`upstreams:\n  a: ${group}`).join()).toContain(words);
  });
});

describe("upstreams as flags", () => {
  it("are a name and a URL, with the kind in between", () => {
    const { upstreams } = load("", { upstreams: ["a=http://localhost:1/v1", "b=ollama:http://localhost:11434"] });
    expect(upstreams).toMatchObject([
      { name: "a", kind: "generic", baseUrl: "http://localhost:1/v1" },
      { name: "b", kind: "ollama", baseUrl: "http://localhost:11434" },
    ]);
  });

  it("are refused where they are neither", () => {
    expect(() => load("", { upstreams: ["somewhere"] })).toThrow(/entry 1: "somewhere" is not allowed/);
  });
});
