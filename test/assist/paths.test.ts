import { describe, expect, it } from "vitest";
import { PathError, requireInside } from "../../src/assist/paths.ts";
import { isSecretPath } from "../../src/assist/secrets.ts";

describe("a path of the repository", () => {
  it.each([
    ["", "is no path of a file"],
    ["../a", "leads out"],
    ["a/../../b", "leads out"],
    ["a//b", "leads out"],
    ["./a", "leads out"],
    ["/etc/passwd", "is no path within"],
    ["C:/Windows/a", "is no path within"],
    ["c:a", "is no path within"],
    ["a\\..\\b", "is no path within"],
    ["\\\\host\\share", "is no path within"],
    ["a.txt:stream", "is no path within"],
    [".git/hooks/pre-commit", "is in git's own folder"],
    [".GIT/config", "is in git's own folder"],
    ["sub/.Git/config", "is in git's own folder"],
    [".g\u200cit/config", "is in git's own folder"],
    ["\u200d.git/config", "is in git's own folder"],
    ["．git/config", "is in git's own folder"],
    ["git~1/config", "is in git's own folder"],
    [".git./config", "ends with a dot or a space"],
    [".git /config", "ends with a dot or a space"],
    [".git", "is in git's own folder"],
    ["a\nb", "has control characters"],
    ["a\u202eb", "has control characters"],
    ["x".repeat(1_025), "is no path of a file"],
  ])("is not %j", (path, why) => {
    expect(() => requireInside(path)).toThrow(PathError);
    expect(() => requireInside(path)).toThrow(why);
  });

  it.each(["a", "src/a b.ts", ".github/workflows/ci.yaml", ".gitignore", "git/a", "größe/文.md", "a..b/c...d"])(
    "is %j",
    (path) => {
      expect(() => requireInside(path)).not.toThrow();
    },
  );
});

it("knows files with secrets by their names", () => {
  for (const path of [
    ".env",
    "a/.ENV.local",
    "deploy/id_ed25519",
    "tls/server.key",
    ".npmrc",
    "credentials.json",
    "prod.tfvars",
  ])
    expect(isSecretPath(path), path).toBe(true);
  for (const path of [
    ".env.example",
    "src/env.ts",
    "keyboard.ts",
    "id_rsa.pub",
    "src/credentials.ts",
    "secret-santa.md",
  ])
    expect(isSecretPath(path), path).toBe(false);
});
