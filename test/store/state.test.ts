import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { createDatabase } from "../../src/store/database.ts";
import { StateError } from "../../src/store/errors.ts";
import { DAY_MS, idsOf, openState, outcome, record, temporaryFolder } from "./support.ts";

const ALL_CHATS = { limit: 100, order: "asc", after: undefined, model: undefined, metadata: new Map() } as const;

/** What `work` throws, which must be a `StateError`. */
function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StateError) {
      return error.message;
    }
    throw error;
  }
  throw new Error("It worked.");
}

describe("the state file", () => {
  it("is created at the first use, for its owner alone", () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    expect(existsSync(folder.file)).toBe(false);
    state.responses.save(outcome("a"));
    for (const name of readdirSync(dirname(folder.file))) {
      expect(statSync(`${dirname(folder.file)}/${name}`).mode & 0o077).toBe(0);
    }
    state.close();
  });

  it("keeps everything across a restart", () => {
    using folder = temporaryFolder();
    const first = openState({ file: folder.file });
    first.responses.save(outcome("a"));
    first.conversations.create({ id: "c", createdMs: 1, metadata: "{}" }, first.responses.items("a"));
    first.close();

    const second = openState({ file: folder.file });
    expect(second.responses.get("a")).toEqual(record("a"));
    expect(idsOf(second.conversations.items("c"))).toEqual(["a-in", "a-out"]);
    second.close();
  });

  it("keeps everything even if the process ends without closing it", () => {
    using folder = temporaryFolder();
    const first = openState({ file: folder.file });
    first.responses.save(outcome("a"));
    const second = openState({ file: folder.file });
    expect(second.responses.get("a")).toEqual(record("a"));
    second.close();
    first.close();
  });

  it("of a newer version isn't changed, and the message says so", () => {
    using folder = temporaryFolder();
    mkdirSync(dirname(folder.file));
    const newer = new DatabaseSync(folder.file);
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    expect(failure(() => openState({ file: folder.file }).responses.get("a"))).toMatch(/newer Sluice \(version 99/);
  });

  it("of a version that Sluice never writes isn't changed, and the message says so", () => {
    using folder = temporaryFolder();
    mkdirSync(dirname(folder.file));
    const strange = new DatabaseSync(folder.file);
    strange.exec("PRAGMA user_version = -3");
    strange.close();
    expect(failure(() => openState({ file: folder.file }).responses.get("a"))).toMatch(/Sluice hasn't written it/);
    const after = new DatabaseSync(folder.file);
    expect(after.prepare("PRAGMA user_version").get()).toEqual({ user_version: -3 });
    after.close();
  });

  it("that is not a SQLite file isn't changed, and the message names it", () => {
    using folder = temporaryFolder();
    mkdirSync(dirname(folder.file));
    writeFileSync(folder.file, "Dear diary, ".repeat(100));
    const message = failure(() => openState({ file: folder.file }).responses.get("a"));
    expect(message).toContain(folder.file);
    expect(message).toMatch(/no SQLite file; name another file with --state-file/);
  });

  it("that can't be created is an error that names the problem with the folder", () => {
    using folder = temporaryFolder();
    writeFileSync(dirname(folder.file), "a file where a folder should be");
    expect(failure(() => openState({ file: folder.file }).responses.get("a"))).toMatch(/can't be used: E/);
  });

  it("that another process has locked is an error, and is used again after the lock", () => {
    using folder = temporaryFolder();
    const state = openState({ file: folder.file });
    state.responses.save(outcome("a"));
    const other = new DatabaseSync(folder.file);
    other.exec("BEGIN IMMEDIATE");
    expect(failure(() => state.responses.save(outcome("b")))).toMatch(/another process holds its lock/);
    expect(state.responses.get("a")).toBeDefined();
    other.exec("ROLLBACK");
    other.close();
    state.responses.save(outcome("b"));
    expect(state.responses.get("b")).toBeDefined();
    state.close();
  });

  it("on a full disk loses nothing, and stores nothing by half", () => {
    using folder = temporaryFolder();
    const database = createDatabase(folder.file, (sql) => void sql("PRAGMA max_page_count = 64").get());
    const add = (body: string) =>
      database.write((sql) => {
        sql("INSERT INTO items (id, tenant, body) VALUES ('before', '', '')").run();
        sql("INSERT INTO items (id, tenant, body) VALUES ('big', '', ?)").run(body);
      });
    add("small");
    expect(failure(() => add("x".repeat(1_000_000)))).toMatch(/the disk is full/);
    expect(database.read((sql) => sql("SELECT count(*) AS n FROM items").get())).toEqual({ n: 2 });
    add("small again");
    database.close();
  });
});

describe("stored objects beyond the limits", () => {
  const chat = { model: "one", metadata: "{}", body: "{}", messages: "[]" };

  it("are removed at the next start, the oldest first, except running ones, and conversations of any age", () => {
    using folder = temporaryFolder();
    const first = openState({ file: folder.file });
    for (const [id, day] of [
      ["a", 1],
      ["b", 5],
      ["c", 9],
    ] as const) {
      first.responses.save(outcome(id, { record: record(id, { createdMs: day * DAY_MS }) }));
      first.chats.save({ ...chat, id, createdMs: day * DAY_MS });
      first.conversations.create({ id, createdMs: day * DAY_MS, metadata: "{}" }, []);
    }
    first.responses.begin(record("r", { createdMs: 0, status: "queued" }), { context: [], input: [] });
    first.close();

    const second = openState({
      file: folder.file,
      pid: 1,
      isAlive: () => true,
      now: () => 10 * DAY_MS,
      retention: { maxAgeMs: 5 * DAY_MS, maxEntries: 100 },
    });
    expect(["a", "b", "c", "r"].filter((id) => second.responses.get(id) !== undefined)).toEqual(["b", "c", "r"]);
    expect(idsOf(second.chats.page(ALL_CHATS)?.data)).toEqual(["b", "c"]);
    expect(second.conversations.get("a")).toBeDefined();
    expect(second.responses.findItem("a-in")).toBeUndefined();
    second.close();
  });

  it("are also removed while the gateway runs", () => {
    const { chats, responses } = openState({
      retention: { maxAgeMs: 100 * DAY_MS, maxEntries: 10 },
      now: () => DAY_MS,
    });
    for (let index = 0; index < 300; index++) {
      chats.save({ ...chat, id: `chat-${index}`, createdMs: index });
      responses.save(outcome(`resp-${index}`, { record: record(`resp-${index}`, { createdMs: index }) }));
    }
    expect(chats.page(ALL_CHATS)?.data.length).toBeLessThanOrEqual(60);
    expect(chats.get("chat-299")).toBeDefined();
    expect(responses.get("resp-299")).toBeDefined();
    expect(responses.get("resp-0")).toBeUndefined();
  });
});
