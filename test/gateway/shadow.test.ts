import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import type { Config } from "../../src/config/schema.ts";
import { createGatewayShadow } from "../../src/gateway/shadow.ts";
import type { Backend, BackendState } from "../../src/generation/backend.ts";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Key } from "../../src/keys/key.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { route, routeEmbeddings } from "../../src/routing/route.ts";
import { createState, type State } from "../../src/store/state.ts";
import { fakeContext } from "../cli/fake-context.ts";
import { generationRequest } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { key } from "../keys/support.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).toReversed()) end();
});

function says(text: string, logprob = -0.5): Generate {
  return async function* ({ logprobs }): AsyncGenerator<GenerationEvent> {
    yield { type: "started", promptTokens: 10 };
    const scores = logprobs === undefined ? {} : { logprobs: [{ bytes: [...Buffer.from(text)], logprob, top: [] }] };
    yield { type: "text", choice: 0, text, ...scores };
    yield { type: "finished", choice: 0, reason: "stop", completionTokens: 5 };
  };
}

type Options = {
  readonly here?: Generate;
  readonly there?: Generate;
  readonly config?: Partial<Config>;
  readonly keys?: readonly Key[];
  readonly more?: readonly Backend[];
  /** Fields of the local model. */
  readonly local?: Partial<Backend>;
};

/** A gateway's shadow between a local model and one of another server, which is idle whenever it is asked. */
function shadowed({
  here = says("Yes."),
  there = says("Yes."),
  config = {},
  keys = [],
  more = [],
  ...given
}: Options = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-shadow-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const state = createState({ file: join(folder, "state.db"), retention: { maxAgeMs: 1e12, maxEntries: 1_000 } });
  ends.push(state.close);
  const asked: GenerationRequest[] = [];
  const local = servedModel({
    id: "small",
    generate(request) {
      asked.push(request);
      return here(request);
    },
    ...given.local,
  });
  const upstream = { name: "there", kind: "generic", isLocal: false, gatewayId: () => undefined };
  const large = servedModel({ id: "large", upstream, generate: there, costOf: () => ({ money: 0.01 }) });
  const models = createModelDirectory([local, large, ...more]);
  const quieted: number[] = [];
  const shadow = createGatewayShadow({
    config: { shadowModel: "small", shadowShare: 1, shadowKeepTexts: false, shadowEmbedder: "", ...config },
    ...{ models, generate: route(models), embed: routeEmbeddings(models), state },
    keys: { get: (id) => keys.find((each) => each.id === id) },
    load: {
      attendance: {
        come: () => () => {},
        async quiet(ms) {
          quieted.push(ms);
          return new AbortController().signal;
        },
      },
    },
    logger: pino({ level: "silent" }),
  });
  ends.push(shadow.stop);

  async function ask(overrides: Partial<GenerationRequest> = {}): Promise<string> {
    let text = "";
    const request = generationRequest({ model: "large", ...overrides });
    for await (const event of shadow.layer(request, route(models))) if (event.type === "text") text += event.text;
    await shadow.settled();
    return text;
  }
  /** What was left out, once it is written. */
  function omitted() {
    shadow.stop();
    return state.shadows.listOmitted({});
  }
  return { ask, asked, state, folder, quieted, omitted, rows: () => state.shadows.list({}) };
}

describe("the shadow of an upstream", () => {
  it.each(["unloaded", "unloading", "loading"] as const)(
    "asks no local model that is %s, which would load it",
    async (state) => {
      const { ask, asked, omitted } = shadowed({ local: { state: () => state } });
      await ask();
      expect(asked).toEqual([]);
      expect(omitted()).toEqual([{ reason: "unloaded", calls: 1 }]);
    },
  );

  it("ends when the local model is unloaded, rather than to load it again", async () => {
    let tell: ((state: BackendState) => void) | undefined;
    const { ask, omitted } = shadowed({
      local: {
        onStateChange(listener) {
          tell = listener;
          return () => {};
        },
      },
      here: async function* ({ signal }) {
        tell?.("unloading");
        signal.throwIfAborted();
        yield { type: "started", promptTokens: 10 };
      },
    });
    await ask();
    expect(omitted()).toEqual([{ reason: "unloaded", calls: 1 }]);
  });

  it("answers here what was answered there, once nobody else needs the machine, and stores how they compare", async () => {
    const { ask, asked, rows, quieted } = shadowed({ here: says("Yes. ", -0.25) });
    expect(await ask({ cache: { preset: "ask" } })).toBe("Yes.");
    expect(quieted.length).toBeGreaterThan(0);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      model: "small",
      sampling: { temperature: 0 },
      terms: { priority: "batch", localOnly: true, isWarmUp: true },
    });
    expect(rows()).toMatchObject([
      {
        ...{ preset: "ask", model: "large", local: "small", isSame: true, isStructured: false },
        ...{ least: -0.25, mean: -0.25, costNanos: 10_000_000, texts: null, tenant: "local" },
      },
    ]);
  });

  it.each<[string, Partial<GenerationRequest>]>([
    ["of requests that must stay here", { terms: { tenant: "local", priority: "default", localOnly: true } }],
    ["of requests that a local model has answered", { model: "small" }],
    ["of several choices", { choices: 2 }],
    ["of a passed-on request with tools", { verbatim: verbatim({ tools: [{ type: "function" }] }) }],
  ])("takes none %s", async (_, overrides) => {
    const { ask, rows } = shadowed();
    await ask(overrides).catch(() => {});
    expect(rows()).toEqual([]);
  });

  it("takes a share of all, the same requests each time", async () => {
    const counts = await Promise.all(
      [0.25, 0.25].map(async (shadowShare) => {
        const { ask, rows } = shadowed({ config: { shadowShare } });
        for (let index = 0; index < 200; index++) await ask({ id: `req_${index}` });
        return rows().length;
      }),
    );
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBeGreaterThan(20);
    expect(counts[0]).toBeLessThan(90);
  });

  it("compares passed-on requests by their texts", async () => {
    const there: Generate = async function* () {
      yield { type: "started" };
      yield { type: "frames", text: '{"choices":[{"message":{"content":"Yes."}}]}' };
      yield { type: "finished", choice: 0, reason: "stop" };
    };
    const { ask, rows } = shadowed({ there });
    await ask({ verbatim: verbatim({ temperature: 1 }) });
    expect(rows()).toMatchObject([{ isSame: true }]);
  });

  it("counts what it leaves out, by reason, and the report says so", async () => {
    const there: Generate = async function* () {
      yield { type: "started", promptTokens: 10 };
      yield { type: "text", choice: 0, text: "Yes, and" };
      yield { type: "finished", choice: 0, reason: "length", completionTokens: 2 };
    };
    const keys = [key({ models: ["large"] }, "key_b")];
    const { ask, omitted, rows, folder } = shadowed({ there, keys });
    await ask({ cache: { preset: "ask" } });
    await ask({ id: "req_2" });
    await ask({ id: "req_3", terms: { tenant: "key_b", priority: "default" } });
    await ask({ id: "req_4", model: "small" });
    expect(omitted()).toEqual([
      { reason: "cut", calls: 2 },
      { reason: "key", calls: 1 },
    ]);
    expect(rows()).toEqual([]);
    const context = fakeContext({ cwd: folder });
    await run(["shadow", "report", "--state-file", "state.db"], context);
    expect(context.stderr.text()).toBe(
      "No calls were compared in this time.\n3 sampled calls were left out:\n" +
        "  2: the upstream's answer was cut off at its length\n" +
        "  1: the key may not use the local model, or that isn't served\n",
    );
    const ofPreset = fakeContext({ cwd: folder });
    await run(["shadow", "report", "--state-file", "state.db", "--preset", "ask"], ofPreset);
    expect(ofPreset.stderr.text()).toContain("1 sampled calls were left out:");
  });

  it("doesn't answer for a key that may not use the local model", async () => {
    const [may, mayNot] = [key({ models: ["large", "small"] }, "key_a"), key({ models: ["large"] }, "key_b")];
    const { ask, rows } = shadowed({ keys: [may, mayNot] });
    for (const { id } of [may, mayNot]) await ask({ terms: { tenant: id, priority: "default" } });
    expect(rows().map(({ tenant }) => tenant)).toEqual(["key_a"]);
  });

  it("takes texts for the same whose vectors are near each other", async () => {
    const embed = async ({ items }: { readonly items: readonly unknown[] }) => ({
      vectors: items.map((_, index) => Float32Array.of(1, index / 4)),
      tokens: 2,
    });
    const more = [servedModel({ id: "vectors", embed })];
    const { ask, rows } = shadowed({ here: says("Indeed."), more, config: { shadowEmbedder: "vectors" } });
    await ask();
    expect(rows()).toMatchObject([{ isSame: true, similarity: expect.closeTo(0.97, 2) }]);
    const alone = shadowed({ here: says("Indeed.") });
    await alone.ask();
    expect(alone.rows()).toMatchObject([{ isSame: false, similarity: null }]);
  });

  it("loses nothing of an answer that fails here, and no client notices", async () => {
    const failing: Generate = async function* () {
      yield* [];
      throw new OverloadedError("No.", 1);
    };
    const { ask, rows, omitted } = shadowed({ here: failing });
    expect(await ask()).toBe("Yes.");
    expect(rows()).toEqual([]);
    expect(omitted()).toEqual([{ reason: "failed", calls: 1 }]);
  });
});

function verbatim(body: object) {
  const whole = { messages: [{ role: "user", content: "Hi" }], ...body };
  const common = { protocol: "chat" as const, stream: false, includeUsage: false, maxTokens: undefined, headers: {} };
  return { ...common, text: JSON.stringify(whole), body: whole, answerId: "x" };
}

describe("kept texts", () => {
  const KEEPING = { config: { shadowKeepTexts: true } };

  it("are kept only if the operator and the request want it", async () => {
    const { ask, rows } = shadowed({ ...KEEPING, here: says("No.") });
    await ask();
    await ask({ id: "req_2", cache: { noStore: true } });
    expect(rows().map(({ texts }) => texts)).toEqual([null, { question: "Hi", theirs: "Yes.", ours: "No." }]);
  });

  it("go with their key, and when the operator says so, while the counts stay", async () => {
    const { ask, state, rows, folder } = shadowed({ ...KEEPING, keys: [key({}, "key_a"), key({}, "key_b")] });
    state.keys.create({ id: "key_a", name: "alice", createdMs: 1, expiresMs: undefined, policy: "{}" }, "hash");
    for (const tenant of ["key_a", "key_b"]) await ask({ terms: { tenant, priority: "default" } });
    const kept = () => rows().flatMap(({ tenant, texts }) => (texts === null ? [] : [tenant]));
    expect(kept().sort()).toEqual(["key_a", "key_b"]);
    state.keys.remove("key_a");
    expect(kept()).toEqual(["key_b"]);
    const context = fakeContext({ cwd: folder });
    await run(["shadow", "forget", "--state-file", "state.db"], context);
    expect(context.stdout.text()).toBe("The texts of 1 calls were removed.\n");
    expect(kept()).toEqual([]);
    expect(rows()).toHaveLength(2);
    const again = fakeContext({ cwd: folder });
    await run(["shadow", "forget", "--state-file", "state.db", "--json"], again);
    expect(JSON.parse(again.stdout.text())).toEqual({ calls: 0 });
  });
});

describe("sluice shadow", () => {
  /** 40 calls of a preset: the small model is right where it is sure. */
  function fill(state: State): void {
    for (let index = 0; index < 40; index++) {
      const isSame = index < 30;
      const texts = {
        question: `Text: number ${index}`,
        theirs: `right ${index}`,
        ours: isSame ? `right ${index}` : "wrong",
      };
      state.shadows.add({
        ...{ createdMs: Date.now(), tenant: "local", preset: "ask", model: "large", local: "small" },
        ...{
          isStructured: false,
          isSame,
          similarity: null,
          mean: -0.1,
          least: isSame ? -0.5 : -3,
          costNanos: 1e7,
          texts,
        },
      });
    }
  }

  async function sluice(folder: string, ...words: string[]) {
    const context = fakeContext({ cwd: folder });
    const exitCode = await run(["shadow", ...words, "--state-file", "state.db"], context);
    return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
  }

  it("reports how many calls would have been the same here, and what that would have saved", async () => {
    const { state, folder } = shadowed();
    expect((await sluice(folder, "report")).stderr).toContain("No calls were compared");
    fill(state);
    const { stdout } = await sluice(folder, "report", "--shadow-share", "0.1");
    expect(stdout.split("\n")[0]).toBe(
      "Of 40 sampled calls since 7d, 75 % [60, 86] would have been the same here; it would have saved $0.3000, about $3.00 for all calls at a share of 0.1.",
    );
    expect(stdout).toMatch(/^ask +large +small +40 +75 % \[60, 86\] +\$0\.3000$/m);
    expect(JSON.parse((await sluice(folder, "report", "--json", "--preset", "ask")).stdout)).toMatchObject([
      { preset: "ask", calls: 40, saved: 0.3 },
    ]);
    expect((await sluice(folder, "report", "--preset", "other")).stdout).toBe("");
  });

  it("proposes a threshold and examples for a preset, without touching it", async () => {
    const { state, folder } = shadowed();
    fill(state);
    const yaml = 'id: ask\nversion: 1\n# What it does.\ndescription: Asks.\ntemplate: "Text: {{input}}"\n';
    writeFileSync(join(folder, "ask.yaml"), yaml);
    const words = ["propose", "ask", "--prompts-dir", ".", "--agreement", "0.8", "--examples", "2"];
    const { stdout, exitCode } = await sluice(folder, ...words);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      "cascade: { least: -0.5 }: 75 % [60, 86] of 40 calls would have been answered here, 100 % [89, 100]",
    );
    expect(readFileSync(join(folder, "ask.yaml"), "utf8")).toBe(yaml);
    const proposed = readFileSync(join(folder, "ask.proposed.yaml"), "utf8");
    expect(proposed).toContain("# What it does.");
    expect(proposed).toContain("least: -0.5");
    expect(proposed).toMatch(/user: number 3\d\n\s+assistant: right 3\d/);
    const again = await sluice(folder, ...words);
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("it is there already") });
    const data = await sluice(folder, ...words, "--out", "other.yaml", "--json");
    expect(JSON.parse(data.stdout)).toEqual({
      ...{ preset: "ask", file: join(folder, "other.yaml"), calls: 40, examples: 2 },
      threshold: { least: -0.5, used: 30, same: 30 },
    });
  });
});
