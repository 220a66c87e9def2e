import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPresets, presetFolder } from "../../src/prompts/index.ts";
import { openPresetLibrary } from "../../src/prompts/library.ts";
import { watchFolder } from "../../src/prompts/watch.ts";

let folder: string;
let lines: { fields: object; message: string }[];
const log = {
  info: (fields: object, message: string) => void lines.push({ fields, message }),
  error: (fields: object, message: string) => void lines.push({ fields, message }),
};

beforeEach(async () => {
  lines = [];
  folder = await mkdtemp(join(tmpdir(), "sluice-presets-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function write(name: string, yaml = "", version = "1"): Promise<void> {
  return writeFile(join(folder, `${name}.yaml`), `id: ${name}\nversion: ${version}\ndescription: A test.\n${yaml}`);
}

function open(onChange = (_: readonly string[]) => {}) {
  return openPresetLibrary({ folder, shownFolder: "prompts", log, onChange });
}

describe("a folder of presets", () => {
  it("is read by name; evaluations and other files are ignored", async () => {
    await write("b");
    await write("a");
    await write("a.eval", "cases: []");
    await writeFile(join(folder, "README.md"), "# Prompts");
    expect((await open()).list().map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("is refused with every problem in any of its files", async () => {
    await write("a", "maxTokens: 0");
    await write("b", "foo: 1");
    await expect(open()).rejects.toThrow(/prompts\/a\.yaml:4:1: maxTokens.*\n.*prompts\/b\.yaml:4:1: foo/);
  });

  it("is refused if it doesn't exist", async () => {
    await rm(folder, { recursive: true });
    await expect(open()).rejects.toThrow("prompts: can't be read");
  });

  it("is the one that comes with Sluice if the default folder doesn't exist", () => {
    expect(presetFolder("prompts", folder)).toBe(join(import.meta.dirname, "../../prompts"));
    expect(presetFolder("mine", folder)).toBe(join(folder, "mine"));
  });

  it("finds presets by id and by version", async () => {
    await write("a", "", "2");
    const library = await open();
    expect(library.find({ id: "a", version: undefined }).id).toBe("a");
    expect(library.find({ id: "a", version: "2" }).id).toBe("a");
    expect(() => library.find({ id: "a", version: "1" })).toThrow("Available: preset/a@2.");
    expect(() => library.find({ id: "c", version: undefined })).toThrow("Available: preset/a.");
  });
});

describe("reloading", () => {
  it("applies and logs changes, additions and removals", async () => {
    await write("a");
    await write("b");
    const library = await open();
    await write("a", "maxTokens: 5");
    await write("c");
    await rm(join(folder, "b.yaml"));
    await library.reload();
    expect(library.list().map(({ id, maxTokens }) => [id, maxTokens])).toEqual([
      ["a", 5],
      ["c", undefined],
    ]);
    expect(lines.map(({ message }) => message)).toEqual([
      "the preset was changed",
      "the preset was added",
      "the preset was removed",
    ]);
  });

  it("reports only the presets that were validly added or changed", async () => {
    await write("a");
    await write("b");
    const told: (readonly string[])[] = [];
    const library = await open((ids) => told.push(ids));
    await write("b", "maxTokens: five");
    await library.reload();
    await write("b", "maxTokens: 5");
    await write("c");
    await library.reload();
    await rm(join(folder, "c.yaml"));
    await library.reload();
    expect(told).toEqual([["b", "c"]]);
  });

  it("keeps the last valid version of a broken preset, and logs the problems", async () => {
    await write("a", "maxTokens: 5");
    const library = await open();
    await write("a", "maxTokens: five");
    await write("b", "maxTokens: five");
    await library.reload();
    expect(library.list().map(({ id, maxTokens }) => [id, maxTokens])).toEqual([["a", 5]]);
    expect(lines).toEqual([
      {
        message: "the preset is broken: its last valid version stays in use",
        fields: { preset: "a", problems: [expect.stringContaining("prompts/a.yaml:4:1: maxTokens")] },
      },
      { message: "the preset is broken: it is not served", fields: { preset: "b", problems: expect.any(Array) } },
    ]);
    await write("a", "maxTokens: 6");
    await library.reload();
    expect(library.find({ id: "a", version: undefined }).maxTokens).toBe(6);
  });

  it("keeps everything while the folder is gone", async () => {
    await write("a");
    const library = await open();
    await rm(folder, { recursive: true });
    await library.reload();
    expect(library.list()).toHaveLength(1);
    expect(lines.map(({ message }) => message)).toEqual([
      "the presets can't be reloaded: all keep their last valid version",
    ]);
  });
});

describe("watching", () => {
  it("waits until changes stop, and can be stopped", () => {
    const timers: { delayMs: number; callback: () => void; isCancelled: boolean }[] = [];
    let event = () => {};
    let changes = 0;
    const stop = watchFolder({
      folder,
      onChange: () => {
        changes += 1;
      },
      onError: () => {},
      after(delayMs, callback) {
        const timer = { delayMs, callback, isCancelled: false };
        timers.push(timer);
        return () => {
          timer.isCancelled = true;
        };
      },
      watch(_folder, onEvent) {
        event = onEvent;
        return () => {};
      },
    });
    event();
    event();
    expect(timers.map(({ isCancelled }) => isCancelled)).toEqual([true, false]);
    timers[1]?.callback();
    expect(changes).toBe(1);
    event();
    stop();
    expect(timers[2]?.isCancelled).toBe(true);
  });

  it("reloads an edited file automatically", async () => {
    await write("a");
    const seen = Promise.withResolvers<void>();
    const presets = await openPresets(folder, { ...log, info: () => seen.resolve() });
    try {
      await write("a", "maxTokens: 7");
      await seen.promise;
      expect(presets.find({ id: "a", version: undefined }).maxTokens).toBe(7);
    } finally {
      presets.close();
    }
  });

  it("is taken over all or not at all on a reload", async () => {
    for (const name of ["a", "b", "c"]) await write(name);
    const seen: string[] = [];
    const library = await open((ids) => seen.push(...ids));
    await write("a", "maxTokens: 0");
    await write("d", "foo: 1");
    await expect(library.prepare()).rejects.toThrow(/prompts\/a\.yaml:4:1: maxTokens.*\n.*prompts\/d\.yaml:4:1: foo/);
    await write("a", "", "2");
    await write("d");
    await rm(join(folder, "c.yaml"));
    const { changes, commit } = await library.prepare();
    expect(changes).toEqual({ added: ["d"], removed: ["c"], changed: ["a"] });
    expect(library.list().map(({ id, version }) => `${id}@${version}`)).toEqual(["a@1", "b@1", "c@1"]);
    commit();
    expect(library.list().map(({ id, version }) => `${id}@${version}`)).toEqual(["a@2", "b@1", "d@1"]);
    expect(seen).toEqual(["a", "d"]);
  });
});
