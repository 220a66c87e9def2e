import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeysFileError, readKeysFile } from "../../src/keys/file.ts";
import { createFixedKeys } from "../../src/keys/fixed.ts";
import { hashSecret } from "../../src/keys/secret.ts";
import { silent } from "./support.ts";

const SECRET = "sk-sluice-of-the-file";
const HASH = hashSecret("another secret of it");

function read(text: string) {
  return readKeysFile("/keys.yaml", "keys.yaml", () => text);
}

describe("a file of keys", () => {
  it("contains secrets or their hashes, and each key's policy", () => {
    const keys = read(`
keys:
  - name: Alice
    key: ${SECRET}
    expires: "2027-01-31"
    models: [smollm2]
    class: interactive
    cache: always
    requestsPerMinute: 60
  - { name: bob, key: "sha256:${HASH}", admin: true }
`);
    expect(keys.map(({ hash }) => hash)).toEqual([hashSecret(SECRET), HASH]);
    expect(keys[0]?.key).toMatchObject({
      id: "file:alice",
      name: "Alice",
      expiresMs: Date.parse("2027-01-31T00:00:00Z"),
      policy: { models: ["smollm2"], class: "interactive", cache: "always", requestsPerMinute: 60, admin: false },
    });
    expect(keys[1]?.key.policy).toMatchObject({ class: "default", admin: true });
  });

  it.each([
    ["keys:\n  - name: a\n    key: short", /^ {2}keys\.yaml:3: keys, entry 1: key: give sha256:/m],
    [
      `keys:\n  - name: a\n    key: ${SECRET}\n    requestsPerMinute: 0`,
      /^ {2}keys\.yaml:4: keys, entry 1: requestsPerMinute: /m,
    ],
    [`keys:\n  - name: a\n    key: ${SECRET}\n    clas: batch`, /^ {2}keys\.yaml:2: keys, entry 1: .*clas/m],
    [
      `keys:\n  - name: a\n    key: ${SECRET}\n    expires: soon`,
      /^ {2}keys\.yaml:4: keys, entry 1: expires: give a date/m,
    ],
    [`keys:\n  - {name: a, key: ${SECRET}}\n  - {name: A, key: ${SECRET}2}`, /keys\.yaml:3: the name A is used twice/],
    [
      `keys:\n  - {name: a, key: ${SECRET}}\n  - {name: b, key: ${SECRET}}`,
      /keys\.yaml:3: b: another key has this secret/,
    ],
    [`keys: [{name: a, key: ${SECRET}`, /keys\.yaml:1:\d+: not valid YAML/],
    ["", /keys\.yaml:1: the file: /],
    ["keys: []", /give at least one key/],
  ])("that is invalid is reported with the place, without secrets: %j", (text, message) => {
    expect(() => read(text)).toThrow(KeysFileError);
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).not.toThrow(SECRET);
  });

  it("is read or refused with an error, for any contents", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => `keys:\n  - ${text}`),
        ),
        (text) => {
          try {
            expect(read(text).length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(KeysFileError);
          }
        },
      ),
    );
  });

  it("is read again when it changes, and the old keys stay while it is invalid", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-keys-"));
    const path = join(folder, "keys.yaml");
    const replace = (text: string) => {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    };
    const errors: string[] = [];
    let nowMs = 0;
    replace(`keys: [{name: a, key: ${SECRET}}]`);
    const logger = { ...silent, error: (message: string) => void errors.push(message) };
    const keys = createFixedKeys({ keysFile: path, apiKey: "", logger, now: () => nowMs });
    const names = () => {
      nowMs += 1_000;
      return keys.list().map(({ name }) => name);
    };
    expect(names()).toEqual(["a"]);
    replace(`keys: [{name: b, key: ${SECRET}}]`);
    expect(names()).toEqual(["b"]);
    replace("keys: [");
    expect(names()).toEqual(["b"]);
    rmSync(path);
    expect(names()).toEqual(["b"]);
    expect(errors).toHaveLength(2);
    expect(errors.join()).not.toContain(SECRET);
    replace(`keys: [{name: c, key: ${SECRET}}]`);
    expect(names()).toEqual(["c"]);
    rmSync(folder, { recursive: true });
  });

  it("is replaced whole on a reload, which tells names and no secrets, and stays as it is if the new one is invalid", () => {
    const texts = new Map([
      ["old", `keys: [{name: a, key: ${SECRET}}, {name: b, key: ${SECRET}2, tokensPerDay: 5}]`],
      ["new", `keys: [{name: b, key: ${SECRET}2, tokensPerDay: 6}, {name: c, key: ${SECRET}3}]`],
      ["broken", `keys: [{name: a, key: ${SECRET}, tokensPerDay: 0}]`],
    ]);
    const readText = (path: string) => texts.get(path.replace(/.*\//, "")) ?? "";
    const keys = createFixedKeys({ keysFile: "old", apiKey: "", logger: silent, readText });
    expect(() => keys.prepare({ keysFile: "broken", apiKey: "" })).toThrow(/broken:1: keys, entry 1: tokensPerDay/);
    const prepared = keys.prepare({ keysFile: "new", apiKey: SECRET });
    expect(prepared.changes).toEqual({ added: ["c", "api-key"], removed: ["a"], changed: ["b"] });
    expect(keys.byHash(hashSecret(SECRET))?.name).toBe("a");
    prepared.commit();
    expect(keys.byHash(hashSecret(SECRET))?.source).toBe("setting");
    expect(keys.list().map(({ name, policy }) => [name, policy.tokensPerDay])).toEqual([
      ["b", 6],
      ["c", undefined],
      ["api-key", undefined],
    ]);
  });

  it("gives the same keys after a reload that changes nothing, so that stored answers are still theirs", () => {
    const keys = createFixedKeys({
      keysFile: "keys",
      apiKey: "",
      logger: silent,
      readText: () => `keys: [{name: a, key: ${SECRET}}]`,
    });
    const before = keys.byId("file:a");
    const prepared = keys.prepare({ keysFile: "keys", apiKey: "" });
    expect(prepared.changes).toEqual({ added: [], removed: [], changed: [] });
    prepared.commit();
    expect(keys.byId("file:a")).toBe(before);
  });

  it("is used together with the key of the setting", () => {
    const keys = createFixedKeys({ keysFile: "", apiKey: SECRET, logger: silent });
    expect(keys.byHash(hashSecret(SECRET))).toMatchObject({
      id: "api-key",
      source: "setting",
      policy: { admin: false },
    });
    expect(keys.byId("api-key")).toBeDefined();
  });
});
