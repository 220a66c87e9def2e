import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { answerLengths } from "../../src/gateway/answer-lengths.ts";
import { createDepartures } from "../../src/gateway/departures.ts";
import type { GivenModel } from "../../src/gateway/engines.ts";
import type { LocalBackend } from "../../src/gateway/local-backend.ts";
import { createLocalModels } from "../../src/gateway/local-models.ts";
import { createReload } from "../../src/gateway/reload.ts";
import { createVersionControl } from "../../src/gateway/version-control.ts";
import { joinVersions } from "../../src/gateway/versions.ts";
import type { BackendState } from "../../src/generation/backend.ts";
import { createAccess } from "../../src/keys/access.ts";
import { openPresetLibrary } from "../../src/prompts/library.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { route } from "../../src/routing/route.ts";
import { answerRoutes } from "../../src/routing/routed.ts";
import { createState } from "../../src/store/state.ts";
import { MODEL } from "../cli/doctor/support.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";

const logger = pino({ level: "silent" });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-versions-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** One made version, which a test loads and lets its requests end. */
type Made = {
  readonly backend: LocalBackend;
  readonly after: LocalBackend | undefined;
  readonly loaded: PromiseWithResolvers<void>;
  readonly idle: PromiseWithResolvers<void>;
  readonly asked: string[];
  state: BackendState;
};

function makeVersion(after: LocalBackend | undefined, id: string): Made {
  const asked: string[] = [];
  const made: Made = {
    ...{ after, asked, loaded: Promise.withResolvers<void>(), idle: Promise.withResolvers<void>(), state: "unloaded" },
    backend: {
      ...servedModel({ id }),
      async *generate(request) {
        asked.push(request.terms?.session ?? "");
        yield { type: "started", promptTokens: 1, cachedTokens: 0 };
        yield { type: "text", choice: 0, text: "hi" };
        yield { type: "finished", choice: 0, reason: "stop", completionTokens: 1 };
      },
      state: () => made.state,
      onStateChange: () => () => {},
      async load() {
        made.state = "loading";
        try {
          await made.loaded.promise;
          made.state = "ready";
        } catch (error) {
          made.state = "failed";
          throw error;
        }
      },
      async unload() {
        made.state = "unloaded";
      },
      async close() {
        made.state = "failed";
      },
      idle: () => made.idle.promise,
      setNamed: () => {},
    },
  };
  return made;
}

/** A gateway's models, one of which is `m`. Its file is `file`, and changes when a test writes it. */
async function start(settings: object = {}) {
  let config: Config = configSchema.parse(settings);
  let next = config;
  let file = "a.gguf";
  const versions: Made[] = [];
  const memory = { hasRoom: true };
  const write = (name: string) => {
    file = name;
    const path = join(folder, name);
    // As a download ends: another file takes the name.
    writeFileSync(`${path}.new`, `${versions.length}`.repeat(versions.length + 1));
    renameSync(`${path}.new`, path);
  };
  const gguf = { ...MODEL.gguf, chatTemplate: true };
  const models = (): GivenModel[] => [{ ...MODEL, gguf: { ...gguf }, id: "m", aliases: [], path: join(folder, file) }];
  write("a.gguf");
  const settledLooks: Promise<void>[] = [];
  const parts = { tenants: { namesOf: () => [], usedShareOf: () => undefined }, clock: systemClock, now: Date.now };
  const locals = await createLocalModels({
    ...{ config, models: models() },
    async create({ id }, _, after) {
      const made = makeVersion(after, id);
      versions.push(made);
      return made.backend;
    },
    hasRoomFor: () => memory.hasRoom,
    join: (stable, other, share) => joinVersions(stable, other, share, parts),
    onVersion(id, refused) {
      const note = () => refused && locals.decide(id, { type: "refuse", refused });
      settledLooks.push(live.lookAgain(note));
    },
  });
  const directory = createModelDirectory(locals.backends());
  const state = createState({ file: ":memory:", retention: { maxAgeMs: 1_000, maxEntries: 1 } });
  const live = createReload({
    read: async () => ({ config: next, models: models() }),
    config: () => config,
    setConfig(given) {
      config = given;
    },
    upstreams: async () => undefined,
    presets: await openPresetLibrary({ folder, shownFolder: "prompts", log: logger }),
    access: createAccess({ config, state, logger }),
    lengths: answerLengths(config, directory),
    departures: createDepartures(),
    ...{ locals, directory, logger },
  });
  const control = createVersionControl({ locals, directory, modelsDir: folder, lookAgain: live.lookAgain });
  const generate = (session: string) =>
    answerRoutes(directory.find, (request, go) => go(request))(
      generationRequest({ model: "m", terms: { tenant: "t", priority: "default", session } }),
      route(directory),
    );
  const [first] = versions;
  if (first === undefined) throw new Error("no version");
  const load = async (version: Made | undefined) => {
    version?.loaded.resolve();
    await new Promise(setImmediate);
    await Promise.all(settledLooks);
  };
  void first.backend.load();
  await load(first);
  return {
    ...{ versions, memory, directory, control, write, load, gguf },
    reload: (given: object = settings) => {
      next = configSchema.parse(given);
      return live.reload();
    },
    ask: (session = "s") => collect(generate(session)),
    async fail(version: Made | undefined) {
      version?.loaded.reject(new Error("no model"));
      await new Promise(setImmediate);
      await Promise.all(settledLooks);
    },
    /** How many requests each version has had. */
    counts: () => versions.map(({ asked }) => asked.length),
    roles: () =>
      control.list()[0]?.versions.map(({ role, share }) => (share === undefined ? role : `${role} ${share}`)),
  };
}

describe("a model whose file has changed", () => {
  it("is loaded beside the old one, which answers until then and leaves after its last request", async () => {
    const { reload, write, versions, load, ask, counts, directory } = await start();
    write("a.gguf");
    expect((await reload()).models).toEqual({ added: [], removed: [], changed: ["m"] });
    await ask();
    await load(versions[1]);
    await ask();
    expect(counts()).toEqual([1, 1]);
    expect(directory.list().map(({ id }) => id)).toEqual(["m"]);
    expect(versions[0]?.state).toBe("ready");
    versions[0]?.idle.resolve();
    await expect.poll(() => versions[0]?.state).toBe("failed");
    expect(versions[1]?.state).toBe("ready");
  });

  it("stays one version as long as its file is the same", async () => {
    const { reload, versions, directory } = await start();
    const before = directory.list()[0];
    expect((await reload()).models.changed).toEqual([]);
    expect(versions).toHaveLength(1);
    expect(directory.list()[0]?.generate).toBe(before?.generate);
  });

  it("takes the old one's place at once where there is no memory for both, and is loaded when that has left", async () => {
    const { reload, write, versions, memory, ask, counts } = await start({ canary: 0.1 });
    memory.hasRoom = false;
    write("b.gguf");
    await reload();
    expect(versions[1]?.after).toBe(versions[0]?.backend);
    await ask();
    expect(counts()).toEqual([0, 1]);
  });

  it("stays as it was if the new file can't be loaded, and says so until the file changes or is promoted", async () => {
    const { reload, write, versions, fail, ask, counts, control, load, roles } = await start();
    write("b.gguf");
    await reload();
    await fail(versions[1]);
    await ask();
    expect(counts()).toEqual([1, 0]);
    expect(roles()).toEqual(["stable 1", "refused"]);
    expect((await reload()).warnings).toEqual([expect.stringContaining("sluice models promote m")]);
    expect(versions).toHaveLength(2);
    await control.promote("m");
    await load(versions[2]);
    expect(roles()).toEqual(["stable 1", "former"]);
    write("c.gguf");
    expect((await reload()).warnings).toEqual([]);
  });

  it("comes back if there was no memory for both and the new file can't be loaded", async () => {
    const { reload, write, versions, memory, fail, ask, load } = await start();
    memory.hasRoom = false;
    write("b.gguf");
    await reload();
    await fail(versions[1]);
    expect(versions).toHaveLength(3);
    await load(versions[2]);
    await ask();
    expect(versions[2]?.asked).toHaveLength(1);
  });
});

describe("the versions of a model", () => {
  it("are told with their paths in the models folder and their dates, the refused one too", async () => {
    const { reload, write, versions, fail, control } = await start();
    write("b.gguf");
    await reload();
    await fail(versions[1]);
    expect(control.list()[0]?.versions).toMatchObject([
      { role: "stable", path: "a.gguf", modified_at: expect.any(Number) },
      { role: "refused", path: "b.gguf", file: "b.gguf", modified_at: expect.any(Number) },
    ]);
  });

  it("name the file that was rolled back", async () => {
    const { reload, write, versions, load, control } = await start();
    write("b.gguf");
    await reload();
    await load(versions[1]);
    await control.rollback("m");
    expect(control.list()[0]?.versions.find(({ role }) => role === "refused")?.path).toBe("b.gguf");
  });

  it("are warned of when a new one has no chat template", async () => {
    const { reload, write, gguf, control } = await start();
    expect((await reload()).warnings).toEqual([]);
    write("b.gguf");
    gguf.chatTemplate = false;
    expect((await reload()).warnings).toEqual([
      "The new version of m has no chat template: ChatML is used for its chats.",
    ]);
    const lacking = control.list()[0]?.versions.filter(({ lacks }) => lacks?.includes("chat_template"));
    expect(lacking?.map(({ role }) => role)).toEqual(["new"]);
  });
});

describe("a canary", () => {
  it("gets its share of the sessions, each of which stays with its version", async () => {
    const { reload, write, versions, load, ask, counts, roles } = await start({ canary: 0.25 });
    write("b.gguf");
    await reload();
    await load(versions[1]);
    expect(roles()).toEqual(["stable 0.75", "new 0.25"]);
    const sessions = Array.from({ length: 400 }, (_, each) => `session ${each}`);
    for (const session of sessions) await ask(session);
    const [, share = 0] = counts();
    expect(share).toBeGreaterThan(60);
    expect(share).toBeLessThan(140);
    for (const session of sessions) await ask(session);
    const [stable, next] = versions.map(({ asked }) => new Set(asked));
    expect([...(stable ?? [])].filter((session) => next?.has(session))).toEqual([]);
    expect(counts()).toEqual([2 * (400 - share), 2 * share]);
  });

  it("is found by a name of its own and not listed, and counts for its model's memory", async () => {
    const { reload, write, versions, load, directory } = await start({ canary: 0 });
    write("b.gguf");
    await reload();
    await load(versions[1]);
    expect(directory.list().map(({ id }) => id)).toEqual(["m"]);
    expect(directory.find("m@new")?.generate).toBe(versions[1]?.backend.generate);
  });

  it("answers all requests once it is promoted, and its running requests still find it", async () => {
    const { reload, write, versions, load, ask, counts, control, directory } = await start({ canary: 0 });
    write("b.gguf");
    await reload();
    await expect(control.promote("m")).rejects.toThrow("still being loaded");
    await load(versions[1]);
    await ask();
    expect(counts()).toEqual([1, 0]);
    await control.promote("m");
    await ask();
    expect(counts()).toEqual([1, 1]);
    expect(directory.reach("m@new").generate).toBe(versions[1]?.backend.generate);
    versions[0]?.idle.resolve();
    await expect.poll(() => versions[0]?.state).toBe("failed");
    expect(versions[1]?.state).toBe("ready");
  });

  it("is ended by a rollback, and stays away at the next reload", async () => {
    const { reload, write, versions, load, ask, counts, control } = await start({ canary: 1 });
    write("b.gguf");
    await reload({ canary: 0.5 });
    await load(versions[1]);
    await control.rollback("m");
    versions[1]?.idle.resolve();
    await expect.poll(() => versions[1]?.state).toBe("failed");
    expect((await reload({ canary: 0.5 })).models.changed).toEqual([]);
    for (let each = 0; each < 20; each += 1) await ask(`session ${each}`);
    expect(counts()).toEqual([20, 0]);
    await expect(control.rollback("m")).rejects.toThrow("rolled back already");
  });
});

describe("a rollback after the new version has taken over", () => {
  it("loads the former file beside it and goes back", async () => {
    const { reload, write, versions, load, ask, counts, control, roles } = await start();
    write("b.gguf");
    await reload();
    await load(versions[1]);
    expect(roles()).toEqual(["stable 1", "former"]);
    await control.rollback("m");
    await ask();
    expect(counts()).toEqual([0, 1, 0]);
    await load(versions[2]);
    await ask();
    expect(counts()).toEqual([0, 1, 1]);
    expect(roles()).toEqual(["stable 1", "former", "refused"]);
  });

  it("goes back whole, whatever share a new version would get", async () => {
    const { reload, write, versions, load, control, roles } = await start({ canary: 0.5 });
    write("b.gguf");
    await reload();
    await load(versions[1]);
    await control.promote("m");
    await control.rollback("m");
    await load(versions[2]);
    expect(roles()).toEqual(["stable 1", "former", "refused"]);
  });

  it("is refused where there is nothing to go back to, or the former file has changed", async () => {
    const { reload, write, versions, load, control } = await start();
    await expect(control.rollback("m")).rejects.toThrow("no other version");
    await expect(control.promote("m")).rejects.toThrow("no new version");
    await expect(control.rollback("x")).rejects.toThrow("no local model 'x'");
    write("a.gguf");
    await reload();
    await load(versions[1]);
    await expect(control.rollback("m")).rejects.toThrow("gone or has changed");
  });
});
