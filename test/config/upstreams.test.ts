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

describe("a refused upstream in the file", () => {
  it.each([
    "{baseUrl: 'http://me:s3cret@x'}",
    "{baseUrl: 'http://x?key=s3cret'}",
    "{baseUrl: 'http://x', proxy: 'http://me:s3cret@y'}",
    "{baseUrl: 'http://x', proxy: 'http://y?key=s3cret'}",
    "{baseUrl: 'http://x', apiKeyEnv: 'sk-s3cret'}",
    "{baseUrl: 'http://x', pathPrefix: '/v1?key=s3cret'}",
  ])("is not shown: %s", (group) => {
    const problems = [problemsOf(`upstreams:\n  a: ${group}`), problemsOf(`upstreams:\n  - ${group}`)].flat().join();
    expect(problems).toContain("the value is not allowed");
    expect(problems).not.toContain("s3cret");
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
    expect(() => load("", { upstreams: ["somewhere"] })).toThrow(
      /entry 1: the value is not allowed \(it is not NAME=URL\)/,
    );
  });

  it.each([
    ["a user and a password", "big=http://me:s3cret@127.0.0.1:1", "its URL has a user or a password"],
    ["a query", "big=http://127.0.0.1:1?key=s3cret", "its URL has a query"],
    ["a fragment", "big=http://127.0.0.1:1#s3cret", "its URL has a fragment"],
    ["a port out of range", "big=http://s3cret:99999", "its port is not a number from 0 to 65535"],
    ["a port that is none", "big=http://me:s3cret", "its port is not a number"],
    ["an unknown kind", "big=vlm:http://s3cret", "the kind before its URL is unknown"],
    ["another scheme", "big=ftp://me:s3cret@x", "its URL begins with neither http:// nor https://"],
    ["no URL", "big=s3cret", "it is not a valid URL"],
    ["no name", "http://me:s3cret@x", "it is not NAME=URL"],
    ["a name that is a URL", "http://me:s3cret@x?a=b", "its name is not"],
  ])("are refused with the cause and without the value: %s", (_, text, cause) => {
    const written = JSON.stringify(text);
    const [name, url = ""] = text.split(/=(.*)/s);
    const messages = [
      () => load("", { upstreams: [text] }),
      () => load(`upstreams: [${written}]`),
      () => load(`upstreams: {${JSON.stringify(name)}: ${JSON.stringify(url)}}`),
      () => loadConfig({ flags: {}, env: { SLUICE_UPSTREAMS: text }, cwd: "/" }),
    ].map((attempt) => {
      try {
        attempt();
        return "";
      } catch (error) {
        return String(error);
      }
    });
    expect(messages.filter((message) => !message.includes("is not allowed ("))).toEqual([]);
    expect(messages[0]).toContain(`(${cause}`);
    expect(messages.join()).not.toContain("s3cret");
  });
});
