import { describe, expect, it } from "vitest";
import type { LibraryEntry } from "../../src/routing/library.ts";
import { answerWith, createTestApp, jsonInit, script, servedModel } from "./support.ts";

const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const FROM_ELSEWHERE = { incoming: { socket: { remoteAddress: "192.0.2.1" } } };
const GIB = 1024 ** 3;

/** 8 GiB for models, of which 5 are in use, 2 of them pinned. */
const MEMORY = { budgetBytes: 8 * GIB, heldBytes: 5 * GIB, pinnedBytes: 2 * GIB };

function createBench(entries: readonly Partial<LibraryEntry>[] = []) {
  const pinned: boolean[] = [];
  const generate = script(answerWith(["Hi"]));
  const loaded = servedModel(generate, {
    ...{ id: "loaded", aliases: [], pin: (isPinned) => void pinned.push(isPinned) },
    residence: () => ({ memoryBytes: 3 * GIB, unloadInMs: 60_000 }),
  });
  const elsewhere = servedModel(generate, { id: "elsewhere", aliases: [] });
  const { app } = createTestApp({
    models: [loaded, elsewhere],
    library: {
      pull: async (id) => ({ id, isNew: false }),
      remove: async () => {},
      list: async () => ({
        entries: entries.map((entry) => ({ name: "m", isDownloaded: false, isGiven: false, ...entry })),
        unusable: [],
        memory: MEMORY,
        freeDiskBytes: 10 * GIB,
      }),
    },
  });
  return {
    ...{ app, pinned },
    list: async () => (await app.request("/admin/library", {}, FROM_HERE)).json(),
    pin: (body: unknown) => app.request("/admin/library/pin", jsonInit(body), FROM_HERE),
  };
}

describe("GET /admin/library", () => {
  it.each([
    [2, { fits: "now", lacking_bytes: 0 }],
    [4, { fits: "in_place_of_others", lacking_bytes: GIB }],
    [7, { fits: "no", lacking_bytes: GIB }],
    [undefined, { fits: null, lacking_bytes: 0 }],
  ])("says whether a model of %s GiB fits, and how much is missing", async (gib, expected) => {
    const { list } = createBench([{ ...(gib !== undefined && { memoryBytes: gib * GIB }) }]);
    expect(await list()).toMatchObject({ data: [expected] });
  });

  it("says whether its file fits on the disk, unless it is there", async () => {
    const sizeBytes = 11 * GIB;
    const { list } = createBench([{ sizeBytes }, { sizeBytes, isDownloaded: true }]);
    expect(await list()).toMatchObject({ data: [{ fits_on_disk: false }, { fits_on_disk: true }] });
  });

  it("tells of a loaded model how it is, and that it fits", async () => {
    const { list } = createBench([{ name: "loaded", servedAs: "loaded", isDownloaded: true, memoryBytes: 100 * GIB }]);
    expect(await list()).toMatchObject({
      data: [{ state: "ready", fits: "now", memory_bytes: 3 * GIB, unload_in_ms: 60_000, pinned: false }],
      memory: { budget_bytes: 8 * GIB, held_bytes: 5 * GIB, pinned_bytes: 2 * GIB },
    });
  });

  it("is for admins, and says so where there is no folder", async () => {
    const { app } = createBench();
    expect((await app.request("/admin/library", {}, FROM_ELSEWHERE)).status).toBe(403);
    expect((await createTestApp().app.request("/admin/library", {}, FROM_HERE)).status).toBe(404);
  });
});

describe("POST /admin/library/pin", () => {
  it("pins a model, and no longer", async () => {
    const { pin, pinned } = createBench();
    for (const wanted of [true, false]) expect((await pin({ model: "loaded", pinned: wanted })).status).toBe(200);
    expect(pinned).toEqual([true, false]);
  });

  it.each([
    [{ model: "none", pinned: true }, 404],
    [{ model: "elsewhere", pinned: true }, 400],
    [{ model: "loaded" }, 400],
  ])("refuses %j", async (body, status) => {
    const { pin, pinned } = createBench();
    expect((await pin(body)).status).toBe(status);
    expect(pinned).toEqual([]);
  });
});
