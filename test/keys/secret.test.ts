import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashSecret, isSameHash, newKeyId, newSecret } from "../../src/keys/secret.ts";

describe("a secret", () => {
  it("has the prefix that scanners look for and 192 random bits, and is unique", () => {
    const secrets = Array.from({ length: 200 }, newSecret);
    for (const secret of secrets) expect(secret).toMatch(/^sk-sluice-[0-9a-f]{48}$/);
    expect(new Set(secrets).size).toBe(200);
    expect(newKeyId()).toMatch(/^key_[0-9a-f]{16}$/);
  });

  it("is stored as its SHA-256", () => {
    expect(hashSecret("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("isSameHash", () => {
  it("distinguishes texts of any length", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(isSameHash(a, a)).toBe(true);
        expect(isSameHash(a, b)).toBe(Buffer.from(a).equals(Buffer.from(b)));
      }),
    );
  });
});
