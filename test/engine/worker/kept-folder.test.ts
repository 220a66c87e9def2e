import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readKept, sealFile } from "../../../src/engine/worker/kept-file.ts";
import { type KeptFolderOptions, openKeptFolder } from "../../../src/engine/worker/kept-folder.ts";
import { PrefixStore } from "../../../src/engine/worker/prefix-store.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

/** No process has this number: Linux's largest is 2²² − 1. */
const NOBODY = { pid: 2 ** 22 + 1, start: undefined, namespace: undefined };
const DAY_MS = 86_400_000;

const range = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);
const prefix = (tokens: number[]) => ({
  tokens,
  promptTokens: tokens.length,
  exactTokens: tokens.length,
  headTokens: 0,
});

/** A store on a folder, as one process opens it. States are texts. */
function open(given: Partial<KeptFolderOptions> = {}, maxBytes = 1e6) {
  const options = { parent, modelPath: "/models/lake.gguf", fingerprint: "abc", maxBytes, maxAgeMs: DAY_MS, ...given };
  const store = new PrefixStore(openKeptFolder(options), maxBytes);
  return {
    store,
    keep: (tokens: number[], state = "keys and values") =>
      store.store(prefix(tokens), async (path) => {
        writeFileSync(path, state);
        return state.length;
      }),
    async load(index: number, load?: (path: string) => Promise<void>) {
      const entry = store.list()[index];
      if (entry === undefined) throw new Error("there is no such entry");
      let state = "";
      await store.load(entry, async (path) => {
        await load?.(path);
        state = readFileSync(path, "utf8").slice(0, "keys and values".length);
      });
      return state;
    },
  };
}

const files = () => readdirSync(join(parent, "abc")).map((name) => join(parent, "abc", name));

describe("a folder of kept prefixes", () => {
  test("gives a later process what an earlier one stored", async () => {
    await open().keep(range(100));
    const later = open();
    expect(later.store.list()).toMatchObject([{ tokens: range(100), promptTokens: 100, exactTokens: 100 }]);
    expect(await later.load(0)).toBe("keys and values");
    expect(await later.load(0)).toBe("keys and values");
  });

  test("is readable by its user only", async () => {
    await open().keep(range(100));
    expect(statSync(join(parent, "abc")).mode & 0o777).toBe(0o700);
    for (const path of files()) expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("never gives a file that was changed anywhere or cut, and removes it", async () => {
    await open().keep(range(100));
    const [path = ""] = files();
    const intact = readFileSync(path);
    const damage = fc.oneof(
      fc.record({ at: fc.nat(intact.length - 1), bit: fc.nat(7) }),
      fc.record({ length: fc.nat(intact.length - 1) }),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (how) => {
        const bytes = Buffer.from(intact);
        if ("bit" in how) bytes[how.at] = (bytes[how.at] ?? 0) ^ (1 << how.bit);
        writeFileSync(path, "length" in how ? bytes.subarray(0, how.length) : bytes);
        const { store, load } = open();
        const [entry] = store.list();
        if (entry !== undefined) {
          await expect(load(0)).rejects.toThrow("damaged");
          store.forget(entry);
        }
        expect(files()).toEqual([]);
      }),
    );
  });

  test("removes files that are none of its own making, whatever they hold", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const path = join(parent, "foreign.kv");
        writeFileSync(path, bytes);
        expect(readKept(path, "abc")).toBeUndefined();
      }),
    );
    open();
    const path = join(parent, "abc", `${crypto.randomUUID()}.kv`);
    writeFileSync(path, "another program's");
    expect(open().store.list()).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  test("removes a file that was moved there from another fingerprint's folder", async () => {
    const other = open({ fingerprint: "def" });
    await other.keep(range(100));
    open();
    const [name = ""] = readdirSync(join(parent, "def"));
    renameSync(join(parent, "def", name), join(parent, "abc", name));
    expect(open().store.list()).toEqual([]);
    expect(files()).toEqual([]);
  });

  test("never tries a file again whose loading ended the process", async () => {
    const dying = open({ owner: NOBODY });
    await dying.keep(range(100));
    await dying.keep(range(100, 1000));
    // The process ends here: the file keeps the name that it had while it was loaded.
    const gone = new Promise<never>(() => {});
    const loading = Promise.withResolvers<void>();
    void dying.load(0, async () => {
      loading.resolve();
      await gone;
    });
    await loading.promise;
    const { store } = open();
    expect(store.list().map(({ tokens }) => tokens[0])).toEqual([1000]);
    expect(files().filter((path) => path.endsWith(".kv"))).toHaveLength(1);
  });

  test("drops all files after two of them ended a process", async () => {
    for (const from of [0, 1000, 2000]) await open().keep(range(100, from));
    for (let death = 0; death < 2; death++) {
      const dying = open({ owner: NOBODY });
      const loading = Promise.withResolvers<void>();
      void dying.load(0, async () => {
        loading.resolve();
        await new Promise(() => {});
      });
      await loading.promise;
    }
    expect(open().store.list()).toEqual([]);
    expect(files()).toEqual([]);
  });

  test("leaves alone what a living process writes or loads", async () => {
    const living = open();
    await living.keep(range(100));
    await living.load(0, async () => {
      open();
    });
    expect(living.store.list()).toHaveLength(1);
    expect(await living.load(0)).toBe("keys and values");
  });

  test("removes what a killed process was writing", () => {
    const { newPath } = openKeptFolder({
      ...{ parent, modelPath: "", fingerprint: "abc", maxBytes: 1e6, maxAgeMs: DAY_MS, owner: NOBODY },
    });
    const path = newPath();
    appendFileSync(path, "half");
    open();
    expect(existsSync(path)).toBe(false);
  });

  test("removes files that were not used for too long, of any fingerprint", async () => {
    const other = open({ fingerprint: "def" });
    await other.keep(range(100));
    await open().keep(range(100));
    const longAgo = new Date(Date.now() - 2 * DAY_MS);
    const [path = ""] = readdirSync(join(parent, "def"));
    utimesSync(join(parent, "def", path), longAgo, longAgo);
    expect(open().store.list()).toHaveLength(1);
    expect(readdirSync(parent).sort()).toEqual(["abc", "model"]);
  });

  test("keeps the most recently used files within its limit over restarts", async () => {
    const first = open();
    for (const from of [0, 1000, 2000]) {
      await first.keep(range(100, from));
    }
    const oldest = new Map(first.store.list().map(({ path }, age) => [path, age]));
    for (const [path, age] of oldest) {
      const time = new Date(Date.now() - (10 - age) * 1000);
      utimesSync(path, time, time);
    }
    const [entry] = first.store.list();
    if (entry !== undefined) first.store.touch(entry);
    const { sizeBytes = 0 } = entry ?? {};
    const later = open({}, sizeBytes * 2);
    expect(later.store.list().map(({ tokens }) => tokens[0])).toEqual([2000, 0]);
    expect(later.store.bytes).toBeLessThanOrEqual(sizeBytes * 2);
  });

  test("is made again if somebody removed it", async () => {
    const { store, keep } = open();
    await keep(range(100));
    rmSync(parent, { recursive: true });
    await expect.poll(() => store.list()).toEqual([]);
    await keep(range(100));
    expect(store.list()).toHaveLength(1);
    expect(files()).toHaveLength(1);
  });

  test("takes no more than half of the disk", async () => {
    const kept = openKeptFolder({ parent, modelPath: "", fingerprint: "abc", maxBytes: 1e6, maxAgeMs: DAY_MS });
    if (kept.kept === undefined) throw new Error("the folder keeps nothing");
    const full = { ...kept, kept: { ...kept.kept, freeBytes: () => 900 } };
    const store = new PrefixStore(full, 1e6);
    const save = async (path: string) => {
      writeFileSync(path, "x".repeat(100));
      return 100;
    };
    for (const from of [0, 1000, 2000]) await store.store(prefix(range(64, from)), save);
    expect(store.list().map(({ tokens }) => tokens[0])).toEqual([2000]);
  });

  test("takes the name of a file from no content", async () => {
    const path = join(parent, "state");
    writeFileSync(path, "state");
    await sealFile(path, prefix(range(3)), "abc");
    expect(readKept(path, "abc")).toMatchObject({ tokens: [0, 1, 2], stateBytes: 5 });
    expect(readKept(path, "abd")).toBeUndefined();
    expect(basename(dirname(path))).toBe(basename(parent));
  });
});
