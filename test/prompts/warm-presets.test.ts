import { describe, expect, it } from "vitest";
import { takesPart } from "../../src/cache/choose.ts";
import { warmPresets, warmWhenReady } from "../../src/gateway/warm-presets.ts";
import type { BackendState } from "../../src/generation/backend.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { fixedPresets } from "../../src/prompts/library.ts";
import { createModelDirectory } from "../../src/routing/directory.ts";
import { aborted } from "../fixtures/generation.ts";
import { servedModel } from "../fixtures/served-model.ts";
import { silent } from "../keys/support.ts";
import { preset } from "./support.ts";

const WARM = "system: Be kind.\nsampling: { temperature: 0 }\nwarm: [{ input: Hi }]";
const PRESETS = [
  preset(`${WARM}\ncache: { public: true }`, "shared"),
  preset(WARM, "own"),
  preset(`${WARM}\ncache: { answers: never }`, "never"),
  preset(`${WARM}\nmodel: other`, "elsewhere"),
  preset(`${WARM}\nmodel: gone`, "lost"),
];

/** The ids of the warmed presets of the model `one`; a star marks those whose text is only evaluated. */
async function warm(hasKeys: boolean): Promise<readonly string[]> {
  const requests: GenerationRequest[] = [];
  const never = new AbortController();
  const { promise: isDone, resolve } = Promise.withResolvers<void>();
  const { addModel } = warmPresets({
    presets: fixedPresets(PRESETS),
    models: createModelDirectory([servedModel({ id: "one" }), servedModel({ id: "other" })]),
    async *generate(request) {
      requests.push(request);
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
    },
    cache: { keeps: takesPart },
    keys: { isOn: () => hasKeys },
    load: { attendance: { come: () => () => {}, quiet: async () => never.signal } },
    logger: { ...silent, info: () => resolve() },
  });
  addModel("one");
  await isDone;
  return requests.map(({ cache, model }) => `${model} ${cache?.preset ?? "*"}`);
}

describe("the warm-up after a model was loaded", () => {
  it("generates the answers of its presets, and evaluates the texts of those whose answers are not kept", async () => {
    expect(await warm(false)).toEqual(["one shared", "one own", "one *"]);
  });

  it("generates only public answers if there are keys, since others belong to one key", async () => {
    expect(await warm(true)).toEqual(["one shared", "one *", "one *"]);
  });
});

/** A model whose state the test changes. */
function model(id: string, first: BackendState) {
  const listeners = new Set<(state: BackendState) => void>();
  let state = first;
  return {
    backend: servedModel({
      id,
      state: () => state,
      onStateChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    }),
    become(next: BackendState) {
      state = next;
      for (const listener of listeners) listener(next);
    },
    listeners: () => listeners.size,
  };
}

describe("the warm-up of a model", () => {
  it.each(["unloading", "unloaded"] as const)("ends when it becomes %s, and is none of what is out", async (next) => {
    const one = model("one", "ready");
    const never = new AbortController();
    const asked: GenerationRequest[] = [];
    const begun = Promise.withResolvers<void>();
    const logged = Promise.withResolvers<object>();
    const errors: object[] = [];
    const { addModel } = warmPresets({
      presets: fixedPresets(PRESETS.slice(0, 3)),
      models: createModelDirectory([one.backend]),
      generate: (request) => ({
        [Symbol.asyncIterator]: () => ({
          async next() {
            asked.push(request);
            begun.resolve();
            await aborted(request.signal);
            throw request.signal.reason;
          },
        }),
      }),
      cache: { keeps: takesPart },
      keys: { isOn: () => false },
      load: { attendance: { come: () => () => {}, quiet: async () => never.signal } },
      logger: {
        ...silent,
        info: (facts: object) => logged.resolve(facts),
        error: (facts: object) => void errors.push(facts),
      },
    });
    addModel("one");
    await begun.promise;
    one.become("restarting");
    expect(asked[0]?.signal.aborted).toBe(false);
    one.become(next);
    expect(await logged.promise).toMatchObject({ answers: 0, prefixes: 0 });
    expect([asked.length, errors, one.listeners()]).toEqual([1, [], 0]);
  });
});

describe("watched models", () => {
  it("are warmed each time they become ready, from their addition until their removal", () => {
    const [one, two] = [model("one", "ready"), model("two", "loading")];
    const models = createModelDirectory([one.backend]);
    const warmed: string[] = [];
    warmWhenReady(models, { addModel: (id) => void warmed.push(id) });
    expect(warmed).toEqual(["one"]);
    models.add(two.backend);
    two.become("ready");
    one.become("restarting");
    one.become("ready");
    expect(warmed).toEqual(["one", "two", "one"]);
    models.remove("two");
    expect([one.listeners(), two.listeners()]).toEqual([1, 0]);
  });
});
