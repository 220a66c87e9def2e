import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/config/problems.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { answerLengths } from "../../src/gateway/answer-lengths.ts";
import { createDepartures } from "../../src/gateway/departures.ts";
import type { GivenModel } from "../../src/gateway/engines.ts";
import type { LocalBackend } from "../../src/gateway/local-backend.ts";
import { createLocalModels } from "../../src/gateway/local-models.ts";
import { createReload } from "../../src/gateway/reload.ts";
import type { BackendState } from "../../src/generation/backend.ts";
import { createAccess } from "../../src/keys/access.ts";
import { openPresetLibrary } from "../../src/prompts/library.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { createState } from "../../src/store/state.ts";
import { MODEL } from "../cli/doctor/support.ts";
import { servedModel } from "../fixtures/served-model.ts";

const logger = pino({ level: "silent" });
let folder: string;
let events: string[];
/** Resolves the wait of a model for its last request. */
let idle: Map<string, () => void>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-reload-"));
  events = [];
  idle = new Map();
});
afterEach(() => rmSync(folder, { recursive: true }));

const given = (id: string): GivenModel => ({ ...MODEL, id, aliases: [], path: `/models/${id}.gguf` });

/** A model whose life is noted. */
function modelOf({ id }: GivenModel): LocalBackend {
  let state: BackendState = "unloaded";
  const note = (what: string, next: BackendState) => async () => {
    events.push(`${id} ${what}`);
    state = next;
  };
  return {
    ...servedModel({ id }),
    ...{ state: () => state, onStateChange: () => () => {} },
    ...{ load: note("loads", "ready"), unload: note("is unloaded", "unloaded"), close: note("is closed", "failed") },
    idle: () => new Promise((resolve) => void idle.set(id, resolve)),
    setNamed: () => {},
  };
}

type Read = {
  readonly settings?: object;
  readonly models: readonly string[];
  readonly warnings?: readonly string[];
  readonly problems?: readonly string[];
  readonly onDemand?: readonly string[];
};

async function start(first: readonly string[], log = logger) {
  let now: Read = { models: first };
  let config: Config = configSchema.parse({});
  const locals = await createLocalModels({
    config,
    models: first.map(given),
    async create(model) {
      if (model.id === "broken") throw new Error("/models/broken.gguf can't be read");
      events.push(`${model.id} is made`);
      return modelOf(model);
    },
  });
  const directory = createModelDirectory(locals.backends());
  const state = createState({ file: ":memory:", retention: { maxAgeMs: 1_000, maxEntries: 1 } });
  const { reload } = createReload({
    async read() {
      if (now.problems !== undefined) throw new ConfigError(now.problems);
      return {
        ...now,
        config: configSchema.parse(now.settings ?? {}),
        models: [...now.models.map(given), ...(now.onDemand ?? []).map((id) => ({ ...given(id), isOnDemand: true }))],
      };
    },
    config: () => config,
    setConfig(next) {
      config = next;
    },
    upstreams: async () => undefined,
    presets: await openPresetLibrary({ folder, shownFolder: "prompts", log: logger }),
    access: createAccess({ config, state, logger }),
    lengths: answerLengths(config, directory),
    departures: createDepartures(),
    ...{ locals, directory, logger: log },
  });
  events = [];
  return {
    directory,
    reload(next: Read) {
      now = next;
      return reload();
    },
  };
}

describe("a reload of local models", () => {
  it("loads what is new, and unloads what has left when its last request has ended", async () => {
    const { reload, directory } = await start(["a", "b"]);
    const report = await reload({ models: ["c", "a"] });
    expect(report.models).toEqual({ added: ["c"], removed: ["b"], changed: [] });
    expect(directory.list().map(({ id }) => id)).toEqual(["c", "a"]);
    expect(events).toEqual(["c is made", "c loads"]);
    expect(directory.reach("b").id).toBe("b");
    idle.get("b")?.();
    await expect.poll(() => events).toEqual(["c is made", "c loads", "b is unloaded", "b is closed"]);
    expect(() => directory.reach("b")).toThrow("b");
  });

  it("makes a model anew that comes back while it is leaving", async () => {
    const { reload, directory } = await start(["a", "b"]);
    await reload({ models: ["a"] });
    const leaving = directory.reach("b");
    await reload({ models: ["a", "b"] });
    expect(directory.reach("b").generate).not.toBe(leaving.generate);
    expect(events).toEqual(["b is made", "b loads"]);
  });

  it.each<[string, Read, string]>([
    ["an alias", { models: ["a", "c"], settings: { aliases: ["x=nobody"] } }, "The alias 'x' refers to 'nobody'"],
    ["a limit", { models: ["a", "c"], settings: { maxTokens: ["nobody=5"] } }, "--max-tokens: unknown model: nobody"],
    ["the keys", { models: ["a", "c"], settings: { keysFile: "/nowhere" } }, "/nowhere"],
    ["a model's file", { models: ["a", "c", "broken"] }, "/models/broken.gguf can't be read"],
  ])("closes what it has made in vain if %s is wrong, and changes nothing", async (_, next, message) => {
    const { reload, directory } = await start(["a", "b"]);
    const before = directory.list();
    await expect(reload(next)).rejects.toThrow(message);
    expect(events).toEqual(["c is made", "c is closed"]);
    expect(directory.list()).toBe(before);
    expect((await reload({ models: ["a", "b"] })).models).toEqual({ added: [], removed: [], changed: [] });
  });

  it("tells of what a model keeps only as waiting, and of what is in force with its values", async () => {
    const { reload } = await start(["a"]);
    const settings = { slots: 2, perModel: ["a.minSlots=2"], keepLoaded: "10m", maxTokens: ["a=64"], port: 9000 };
    const report = await reload({ models: ["a"], settings });
    expect(report.settings).toEqual([{ setting: "maxTokens", from: [], to: ["a=64"] }]);
    expect(report.waiting).toHaveLength(4);
    expect(report.waiting).toEqual(
      expect.arrayContaining([
        { setting: "port", from: 8080, to: 9000 },
        { setting: "slots", model: "a", from: 4, to: 2 },
        { setting: "minSlots", model: "a", from: 1, to: 2 },
        { setting: "keepLoaded", model: "a", from: "auto", to: "10m" },
      ]),
    );
  });

  it("loads a model once that was on demand and is not any more", async () => {
    const { reload } = await start(["a", "b"]);
    await reload({ models: ["a"], onDemand: ["b", "c"] });
    expect(events).toEqual(["c is made"]);
    const report = await reload({ models: ["c", "b"] });
    expect(report.waiting).toEqual([]);
    await reload({ models: ["c", "b"] });
    expect(events.filter((event) => event.startsWith("c"))).toEqual(["c is made", "c loads"]);
  });

  it("warns of a route's target that is not served, each time, and of what its reader warns of", async () => {
    const { reload } = await start(["a"]);
    const settings = { routes: [{ name: "r", targets: [{ model: "a" }, { model: "nope" }] }] };
    const unserved = "A route has a target that is not served now: r: nope.";
    const report = await reload({ models: ["a"], settings, warnings: ["A name is old."] });
    expect(report).toMatchObject({ routes: { added: ["r"] }, warnings: ["A name is old.", unserved] });
    expect((await reload({ models: ["a"], settings })).warnings).toEqual([unserved]);
    expect((await reload({ models: ["a"] })).warnings).toEqual([]);
  });

  it("logs only what has changed, and what is wrong with the settings once and in one line, without a stack", async () => {
    const lines: string[] = [];
    const log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) });
    const { reload } = await start(["a", "b"], log);
    const last = () => JSON.parse(lines.at(-1) ?? "");
    await reload({ models: ["a", "b", "c"], settings: { maxPending: 5 } });
    expect(last()).toEqual({
      level: 30,
      msg: "the settings were reloaded",
      reload: { settings: [{ setting: "maxPending", from: 256, to: 5 }], models: { added: ["c"] } },
    });
    await reload({ models: ["a", "b", "c"], settings: { maxPending: 5 } });
    expect(last()).toEqual({ level: 30, msg: "the settings have not changed" });
    await expect(reload({ models: ["a"], settings: { keysFile: "/nowhere" } })).rejects.toThrow("/nowhere");
    const problems = ["sluice.yaml:2: sluts: no setting has this name.", "sluice.yaml:3: port: 0.5 is not allowed."];
    await expect(reload({ models: ["a"], problems })).rejects.toThrow("2 settings are wrong:\n  sluice.yaml:2");
    expect(last()).toEqual({
      level: 50,
      msg: `the settings can't be reloaded, so all stays as it was. 2 settings are wrong: ${problems.join(" ")}`,
    });
    await expect(reload({ models: ["a", "broken"] })).rejects.toThrow("broken");
    // A plain error is a defect.
    expect(last().err.stack).toContain("broken.gguf");
  });

  it("tells of all parts that are wrong", async () => {
    const { reload } = await start(["a"]);
    writeFileSync(join(folder, "bad.yaml"), "id: bad\nfoo: 1\n");
    await expect(reload({ models: ["a", "broken"] })).rejects.toThrow(
      /broken\.gguf can't be read\n.*prompts\/bad\.yaml/s,
    );
  });

  it("is done once more for all that ask while one is running", async () => {
    const { reload } = await start(["a"]);
    const [first, second, third] = [
      reload({ models: ["a"] }),
      reload({ models: ["b"] }),
      reload({ models: ["a", "c"] }),
    ];
    expect(second).toBe(third);
    await first;
    expect((await third).models.added).toContain("c");
  });
});
