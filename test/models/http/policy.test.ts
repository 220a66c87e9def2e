import { describe, expect, it } from "vitest";
import { isLoopback, mayRequest, tokenFor } from "../../../src/models/http/policy.ts";

const policy = { hubOrigin: "https://huggingface.co", token: "t" };
const mirror = { hubOrigin: "http://mirror.test:8080", token: "t" };

describe("the policy for requests", () => {
  it.each([
    ["https://anywhere.test/", true],
    ["http://127.0.0.1:9/", true],
    ["http://mirror.test:8080/x", true],
    ["http://mirror.test/x", false],
    ["http://anywhere.test/", false],
    ["file:///etc/passwd", false],
  ])("%s: %s", (url, allowed) => {
    expect(mayRequest(new URL(url), mirror)).toBe(allowed);
  });

  it("sends the token only to the hub's origin", () => {
    expect(tokenFor(new URL("https://huggingface.co/a"), policy)).toBe("t");
    expect(tokenFor(new URL("https://cdn.huggingface.co/a"), policy)).toBeUndefined();
    expect(tokenFor(new URL("https://huggingface.co:444/a"), policy)).toBeUndefined();
    expect(tokenFor(new URL("http://huggingface.co/a"), policy)).toBeUndefined();
  });

  it("hides the token from an unencrypted mirror", () => {
    expect(tokenFor(new URL("http://mirror.test:8080/a"), mirror)).toBeUndefined();
    expect(tokenFor(new URL("http://127.0.0.1:1/a"), { hubOrigin: "http://127.0.0.1:1", token: "t" })).toBe("t");
  });

  it.each(["http://127.0.0.1.evil.test/", "http://localhost.evil.test/", "http://0x7f.1.evil/"])(
    "%s is not this machine",
    (url) => {
      expect(isLoopback(new URL(url))).toBe(false);
    },
  );
});
