import { mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { StateError } from "../../src/store/errors.ts";
import { smallDisk } from "../fixtures/full-disk.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { bytesOf, namesBeside, openTestFiles } from "./support.ts";

const describeIt = () => ({ filename: "in.jsonl", purpose: "batch", expiresMs: null });

describe("stored files", () => {
  it("are found again, private to their owner, and go when they are deleted", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const files = openTestFiles(folder.file, state);
    const { id, bytes } = await files.add("a", state.of("a").files, {
      bytes: bytesOf("ab", "c"),
      describe: describeIt,
    });
    expect(bytes).toBe(3);
    const record = state.of("a").files.get(id);
    const stream = record && (await files.read(record));
    expect(stream && (await text(stream))).toBe("abc");
    expect(state.of("b").files.get(id)).toBeUndefined();
    expect(statSync(files.folder.path(id)).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(files.folder.path(id))).mode & 0o777).toBe(0o700);
    expect(await files.remove(state.of("b").files, id)).toBe(false);
    expect(await files.remove(state.of("a").files, id)).toBe(true);
    expect(namesBeside(folder.file)).toEqual([]);
    state.close();
  });

  it.each([
    ["its source breaks off", { bytes: bytesOf("a"), describe: () => raise(new Error("gone")) }, "gone"],
    ["it is too large", { bytes: bytesOf("a".repeat(11)), describe: describeIt }, "larger than 10 bytes"],
    ["there would be too much", { bytes: bytesOf("a".repeat(9)), describe: describeIt }, "All files together"],
  ])("leave nothing when %s", async (_, file, message) => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const files = openTestFiles(folder.file, state, { maxFileBytes: 10, maxTenantBytes: 15 });
    await files.add("a", state.files, { bytes: bytesOf("1234567"), describe: describeIt });
    await expect(files.add("a", state.files, file)).rejects.toThrow(message);
    expect(namesBeside(folder.file)).toHaveLength(1);
    expect(state.files.usedBytes()).toBe(7);
    state.close();
  });

  it("that arrive at once are not larger together than they may be, whichever gateway takes them", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const bounds = { maxFileBytes: 10, maxTenantBytes: 15 };
    const [files, other] = [openTestFiles(folder.file, state, bounds), openTestFiles(folder.file, state, bounds)];
    for (const keeper of [files, other]) {
      const whileAnotherArrives = (async function* () {
        yield* bytesOf("1");
        await keeper.add("a", state.files, { bytes: bytesOf("1234567"), describe: describeIt });
        yield* bytesOf("23456789");
      })();
      const late = files.add("a", state.files, { bytes: whileAnotherArrives, describe: describeIt });
      await expect(late).rejects.toMatchObject({ code: "storage_limit_exceeded" });
      expect(state.files.usedBytes()).toBe(7);
      for (const { id } of state.files.page({ limit: 9, order: "asc", after: undefined, purpose: undefined })?.data ??
        []) {
        await files.remove(state.files, id);
      }
    }
    expect(namesBeside(folder.file)).toEqual([]);
    state.close();
  });

  it("may be only so many, since empty ones take no bytes", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const files = openTestFiles(folder.file, state, { maxTenantFiles: 2 });
    const add = () => files.add("a", state.files, { bytes: bytesOf(), describe: describeIt });
    await add();
    await add();
    await expect(add()).rejects.toThrow("There would be more than 2 files");
    expect(namesBeside(folder.file)).toHaveLength(2);
    state.close();
  });

  it("that have expired go, however many others a batch needs that came before", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const needed = new Set<string>();
    const files = openTestFiles(folder.file, state, { isReferred: (id) => needed.has(id) });
    const ends = { ...describeIt(), expiresMs: 1 };
    const add = async () => (await files.add("a", state.files, { bytes: bytesOf(), describe: () => ends })).id;
    for (let n = 0; n < 100; n += 1) needed.add(await add());
    const goes = await add();
    await files.tidy();
    expect(state.fileIndex.has(goes)).toBe(false);
    expect(new Set(namesBeside(folder.file))).toEqual(needed);
    state.close();
  });

  it("leave nothing on a full disk, and say so without a path", async () => {
    await using disk = await smallDisk();
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const files = openTestFiles(join(disk.folder, "state.db"), state);
    const big = Array.from({ length: 20 }, () => "x".repeat(10_000));
    const full = Object.assign(new Error("no space in /secret"), { code: "ENOSPC", syscall: "write" });
    // Where no small disk can be mounted, the source fails as the disk would.
    const bytes = (async function* () {
      yield* bytesOf(...big);
      throw full;
    })();
    const error = await files.add("a", state.files, { bytes, describe: describeIt }).catch((reason) => reason);
    expect(error).toBeInstanceOf(StateError);
    expect(error.forClients).toBe(
      "The server can't store files: the disk is full; free some space. Requests that store nothing still work.",
    );
    expect(namesBeside(join(disk.folder, "state.db"))).toEqual([]);
    state.close();
  });

  it("are removed when they have expired, and what ended processes left with them", async () => {
    using folder = temporaryFolder();
    let nowMs = Date.now();
    const now = () => nowMs;
    const state = openState({ file: folder.file, now });
    const files = openTestFiles(folder.file, state, { now });
    const stays = await files.add("a", state.files, { bytes: bytesOf("1"), describe: describeIt });
    const ends = { ...describeIt(), expiresMs: nowMs + 1_000 };
    const goes = await files.add("a", state.files, { bytes: bytesOf("2"), describe: () => ends });
    const at = (name: string) => join(folder.path, "deep", "files", name);
    const id = (digit: string) => `file-${digit.repeat(32)}`;
    mkdirSync(dirname(at("x")), { recursive: true });
    const [half, dead, former] = [`${id("a")}.part`, `${id("b")}.part`, `${id("e")}.1.part`];
    const [new_, old, strange] = [id("c"), id("d"), "notes.txt"];
    for (const name of [half, dead, former, new_, old, strange]) writeFileSync(at(name), "");
    for (const name of [dead, former, old]) utimesSync(at(name), 1, 1);
    nowMs += 1_000;
    expect(state.files.get(goes.id)).toBeUndefined();
    await files.tidy();
    expect([...namesBeside(folder.file)].sort()).toEqual([stays.id, half, new_, strange].sort());
    expect(state.fileIndex.has(goes.id)).toBe(false);
    state.close();
  });

  it("that arrive slowly are not taken for what an ended process left", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const files = openTestFiles(folder.file, state);
    const [begun, rest] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const bytes = (async function* () {
      yield* bytesOf("ab");
      begun.resolve();
      await rest.promise;
      yield* bytesOf("c");
    })();
    const added = files.add("a", state.files, { bytes, describe: describeIt });
    await begun.promise;
    for (const name of namesBeside(folder.file)) utimesSync(join(folder.path, "deep", "files", name), 1, 1);
    await files.tidy();
    rest.resolve();
    const stream = await files.read(await added);
    expect(stream && (await text(stream))).toBe("abc");
    state.close();
  });

  it("that another gateway receives are left alone, whatever its process's id", async () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    const [files, other] = [openTestFiles(folder.file, state), openTestFiles(folder.file, state)];
    const bytes = (async function* () {
      yield* bytesOf("ab");
      await other.tidy();
      yield* bytesOf("c");
    })();
    const stream = await files.read(await files.add("a", state.files, { bytes, describe: describeIt }));
    expect(stream && (await text(stream))).toBe("abc");
    state.close();
  });

  it("of a state in memory go with the process", async () => {
    const state = openState();
    const files = openTestFiles(":memory:", state);
    const { id } = await files.add("a", state.files, { bytes: bytesOf("1"), describe: describeIt });
    const path = files.folder.path(id);
    expect(statSync(path).size).toBe(1);
    files.close();
    expect(() => statSync(path)).toThrow("ENOENT");
  });
});

function raise(error: Error): never {
  throw error;
}
