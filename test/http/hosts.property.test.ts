import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOwnHost, nameInHost } from "../../src/http/hosts.ts";

const LOCAL = { bound: "127.0.0.1", allowed: [] };
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const withPort = (host: string, number: number | undefined) => (number === undefined ? host : `${host}:${number}`);

describe("a Host", () => {
  it.each([
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.8.9.10",
    "localhost",
    "LocalHost:8080",
    "localhost.:8080",
    "app.localhost",
    "[::1]:8080",
    "[::ffff:127.0.0.1]",
  ])("of loopback is ours: %s", (host) => {
    expect(isOwnHost(host, LOCAL)).toBe(true);
  });

  it.each([
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evillocalhost",
    "127.0.0.1@evil.example",
    "127.0.0.1, evil.example",
    "evil.example#localhost",
    "[::1].evil.example",
    "192.0.2.1",
    "0.0.0.0",
    "[::]",
    "[]",
    "",
    ".",
    ":8080",
  ])("of others is not: '%s'", (host) => {
    expect(isOwnHost(host, LOCAL)).toBe(false);
  });

  it("is ours when it is the listening address, or the connection's local address", () => {
    expect(isOwnHost("192.0.2.1:8080", { bound: "192.0.2.1", allowed: [] })).toBe(true);
    expect(isOwnHost("[2001:db8::1]:8080", { bound: "2001:db8::1", allowed: [] })).toBe(true);
    expect(isOwnHost("box:8080", { bound: "box", allowed: [] })).toBe(true);
    expect(isOwnHost("192.0.2.1", { bound: "0.0.0.0", allowed: [] }, "192.0.2.1")).toBe(true);
    expect(isOwnHost("192.0.2.1", { bound: "::", allowed: [] }, "::ffff:192.0.2.1")).toBe(true);
    expect(isOwnHost("192.0.2.2", { bound: "0.0.0.0", allowed: [] }, "192.0.2.1")).toBe(false);
  });

  it("is ours when it is allowed, in any letter case, with any port", () => {
    const policy = { bound: "127.0.0.1", allowed: ["Llm.Example", "2001:db8::2"] };
    expect(isOwnHost("llm.example:443", policy)).toBe(true);
    expect(isOwnHost("[2001:db8::2]:443", policy)).toBe(true);
    expect(isOwnHost("sub.llm.example", policy)).toBe(false);
    expect(isOwnHost("anything", { bound: "127.0.0.1", allowed: ["*"] })).toBe(true);
  });

  it("of a name that others can own is never ours, however it is dressed up", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const name = fc.tuple(
      fc.array(fc.oneof(label, fc.constantFrom("localhost", "127", "0", "1")), { maxLength: 5 }),
      label,
    );
    fc.assert(
      fc.property(name, port, ([labels, top], number) => {
        // A top-level domain of letters: no address, and not the one that is kept for loopback.
        fc.pre(/^[a-z]{2,}$/.test(top) && top !== "localhost");
        expect(isOwnHost(withPort([...labels, top].join("."), number), LOCAL)).toBe(false);
      }),
    );
  });

  it("has one name or none, and that never has a port, a bracket or a capital", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.webAuthority({ withPort: true, withIPv4: true, withIPv6: true })),
        (host) => {
          const name = nameInHost(host);
          if (name !== undefined) expect(name).toMatch(/^[0-9a-f:.]+$|^[a-z0-9._-]+$/);
        },
      ),
    );
  });
});
