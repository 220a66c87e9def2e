import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfigFile } from "../src/config/file.ts";
import { readKeysFile } from "../src/keys/file.ts";
import { loadCatalogue } from "../src/models/catalogue.ts";
import { readPresetFolder } from "../src/prompts/read-folder.ts";
import { readBytes, readRegularFile } from "../src/read-file.ts";

let folder: string;
let pipe: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-read-"));
  pipe = join(folder, "pipe.yaml");
  execFileSync("mkfifo", [pipe]);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What was written to the pipe is in it until `close` is called. */
function fill(text: string) {
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY);
  writeSync(writer, text);
  return { endWriting: () => closeSync(writer), close: () => closeSync(reader) };
}

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("a file that is read whole", () => {
  it("is read up to a bound", () => {
    const path = join(folder, "file");
    writeFileSync(path, "hello");
    expect(textOf(readBytes(path, 100))).toBe("hello");
    expect(textOf(readBytes(path, 2))).toBe("he");
    expect(() => readBytes(folder, 2)).toThrow("EISDIR");
  });

  it("may be a pipe that was written, as a shell's <(…) is", () => {
    const filled = fill("port: 1");
    filled.endWriting();
    expect(textOf(readBytes(pipe, 100))).toBe("port: 1");
    filled.close();
  });

  it("is given up where nobody writes to a pipe, or nobody ends it", () => {
    expect(() => readBytes(pipe, 100)).toThrow("a pipe with nothing in it");
    const filled = fill("port: 1");
    expect(() => readBytes(pipe, 100)).toThrow("its end didn't come within 1 s");
    filled.endWriting();
    filled.close();
  });

  it("may be a device, of which no more than the bound is read", () => {
    expect(readBytes("/dev/null", 100)).toHaveLength(0);
    expect(readBytes("/dev/zero", 100)).toHaveLength(100);
  });
});

it("a file among many is no pipe, no device and no folder, and not too large", async () => {
  await expect(readRegularFile(pipe, 100)).rejects.toThrow("it is a pipe, not a file");
  await expect(readRegularFile("/dev/zero", 100)).rejects.toThrow("it is a device, not a file");
  await expect(readRegularFile(folder, 100)).rejects.toThrow("it is a folder, not a file");
  writeFileSync(join(folder, "file"), "hello");
  await expect(readRegularFile(join(folder, "file"), 4)).rejects.toThrow("it is larger than 4 bytes");
  expect((await readRegularFile(join(folder, "file"), 5)).bytes.toString()).toBe("hello");
});

describe("a pipe that nobody writes to holds up nothing", () => {
  it("as the settings", () => {
    expect(() => readConfigFile(pipe, "pipe.yaml")).toThrow("pipe.yaml: can't be read: it is a pipe");
  });

  it("as the file of keys", () => {
    expect(() => readKeysFile(pipe, "pipe.yaml")).toThrow("pipe.yaml: can't be read: it is a pipe");
  });

  it("as the catalogue", async () => {
    await expect(loadCatalogue(pipe)).rejects.toThrow("can't be read: it is a pipe");
  });

  it("as a preset", async () => {
    expect(await readPresetFolder(folder, "prompts")).toMatchObject([
      { name: "pipe", error: { message: expect.stringContaining("pipe.yaml: can't be read: it is a pipe") } },
    ]);
  });
});
