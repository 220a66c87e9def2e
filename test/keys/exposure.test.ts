import { describe, expect, it } from "vitest";
import { ExposedError, isExposed, isLoopback } from "../../src/keys/exposure.ts";

describe("isLoopback", () => {
  it.each(["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]", "::ffff:127.0.0.1"])("%s is", (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(["0.0.0.0", "::", "192.168.1.1", "127.evil.example", "localhost.example", "", "::ffff:10.0.0.1"])(
    "%j is not",
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});

describe("an address that other machines reach", () => {
  it("needs keys, or an explicit --insecure", () => {
    const open = { host: "0.0.0.0", insecure: false };
    expect(() => isExposed(open, false)).toThrow(ExposedError);
    expect(() => isExposed(open, false)).toThrow(/npm run sluice -- keys create NAME.*--insecure/);
    expect(isExposed(open, true)).toBe(false);
    expect(isExposed({ ...open, insecure: true }, false)).toBe(true);
    expect(isExposed({ host: "127.0.0.1", insecure: false }, false)).toBe(false);
  });
});
