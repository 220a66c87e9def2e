import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { McpSettingsError, parseServers } from "../../../src/mcp/client/settings.ts";

/** A place in a value for a variable. */
const of = (name: string) => `\${${name}}`;

const read = (value: unknown, env: NodeJS.ProcessEnv = {}) => parseServers(JSON.stringify(value), env);

describe("the settings of MCP servers", () => {
  it("are programs and URLs, in the form of other programs, whose own fields are left alone", () => {
    const servers = {
      files: { command: "npx", args: ["-y", "files"], env: { ROOT: "/srv" }, autoApprove: ["read"], timeout: 3 },
      web: { type: "http", url: "https://example.com/mcp", headers: { authorization: "Bearer x" } },
      off: { command: "never", disabled: true },
    };
    expect(read({ mcpServers: servers, theme: "dark" })).toEqual([
      { type: "stdio", name: "files", command: "npx", args: ["-y", "files"], env: { ROOT: "/srv" }, cwd: undefined },
      { type: "http", name: "web", url: "https://example.com/mcp", headers: { authorization: "Bearer x" } },
    ]);
  });

  it("take values from the environment, and say which is missing", () => {
    const servers = {
      web: { url: "https://x.test", headers: { authorization: `Bearer ${of("TOKEN")}${of("env:MORE")}` } },
    };
    expect(read({ mcpServers: servers }, { TOKEN: "a", MORE: "b" })).toMatchObject([
      { headers: { authorization: "Bearer ab" } },
    ]);
    expect(() => read({ mcpServers: servers }, { TOKEN: "a" })).toThrow(
      'mcpServers."web": the variable MORE is not set.',
    );
  });

  it.each([
    [[], "mcpServers"],
    [{}, "mcpServers"],
    [{ mcpServers: { a: {} } }, 'mcpServers."a".command'],
    [{ mcpServers: { a: { url: "file:///x" } } }, 'mcpServers."a".url'],
    [{ mcpServers: { a: { type: "sse", url: "https://x.test" } } }, 'mcpServers."a".type'],
    [{ mcpServers: { a: { command: "x", args: "y" } } }, 'mcpServers."a".args'],
    [{ mcpServers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [n, { command: "x" }])) }, "at most 32"],
  ])("are refused as %j with the place", (value, words) => {
    expect(() => read(value)).toThrow(words);
  });

  it("are read or refused with words for the user, whatever they are", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"mcpServers":{"a":${json}}}`),
        ),
        (text) => {
          try {
            expect(Array.isArray(parseServers(text, {}))).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(McpSettingsError);
          }
        },
      ),
    );
  });
});
