import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composeEmbed, type Embed } from "../../src/generation/embedding.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { News } from "../../src/generation/news.ts";
import { createWatch, type Sighting } from "../../src/generation/watch.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";

const EVENTS: readonly GenerationEvent[] = [
  { type: "started", promptTokens: 3, cachedTokens: 0 },
  { type: "text", choice: 0, text: "a" },
  { type: "finished", choice: 0, reason: "stop", completionTokens: 2 },
];
const ADMITTED: News = { type: "admitted", waitedMs: 5, position: 1 };
const LEFT: News = { type: "left", spent: { prompt: 0, cached: 0, completion: 1 } };

/** An engine that tells of a wait, and of what nobody heard. */
const engine: Generate = async function* ({ observe }) {
  observe?.(ADMITTED);
  let isWhole = false;
  try {
    yield* EVENTS;
    isWhole = true;
  } finally {
    if (!isWhole) observe?.(LEFT);
  }
};

function setUp(backend: Generate = engine) {
  let ms = 0;
  const watch = createWatch(() => ms++);
  const seen: Sighting[] = [];
  const times: number[] = [];
  const listen = () =>
    watch.listen((request, sighting, atMs) => {
      expect(request.id).toBe("req_1");
      seen.push(sighting);
      times.push(atMs);
    });
  return { generate: compose([watch.layer], backend), seen, times, listen, watch };
}

const asEvents = (events: readonly GenerationEvent[]) => events.map((event) => ({ type: "event", event }));

describe("who listens to generations", () => {
  it("hears of everything that happens to one, in order, with the time", async () => {
    const { generate, seen, times, listen } = setUp();
    listen();
    expect(await collect(generate(generationRequest()))).toEqual(EVENTS);
    expect(seen).toEqual([{ type: "began" }, ADMITTED, ...asEvents(EVENTS), { type: "ended", outcome: "done" }]);
    expect(times).toEqual(seen.map((_, index) => index));
  });

  it("takes nothing from whom the request itself tells", async () => {
    const { generate, listen } = setUp();
    listen();
    const news: News[] = [];
    await collect(generate(generationRequest({ observe: (each) => news.push(each) })));
    expect(news).toEqual([ADMITTED]);
  });

  it("hears what was spent for a client that leaves, and then that it left, once", async () => {
    const { generate, seen, listen } = setUp();
    listen();
    const iterator = generate(generationRequest())[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(seen.slice(2)).toEqual([...asEvents(EVENTS.slice(0, 1)), LEFT, { type: "ended", outcome: "left" }]);
  });

  it("hears of an abort as of one who left, and of a failure as such", async () => {
    const aborted = new AbortController();
    const failing: Generate = async function* ({ signal }) {
      yield* EVENTS.slice(0, 1);
      signal.throwIfAborted();
      throw new Error("broken");
    };
    const { generate, seen, listen } = setUp(failing);
    listen();
    await expect(collect(generate(generationRequest()))).rejects.toThrow("broken");
    expect(seen.at(-1)).toMatchObject({ type: "failed", error: { message: "broken" } });
    const iterator = generate(generationRequest({ signal: aborted.signal }))[Symbol.asyncIterator]();
    await iterator.next();
    aborted.abort();
    await expect(iterator.next()).rejects.toThrow();
    expect(seen.at(-1)).toEqual({ type: "ended", outcome: "left" });
  });

  it("costs nothing before it begins and after it ends", () => {
    const events = engine(generationRequest());
    const { generate, seen, listen } = setUp(() => events);
    expect(generate(generationRequest())).toBe(events);
    const end = listen();
    expect(generate(generationRequest())).not.toBe(events);
    end();
    expect(generate(generationRequest())).toBe(events);
    expect(seen).toEqual([]);
  });

  it("hears nothing of the gateway's own, such as a warm-up", async () => {
    const { generate, seen, listen } = setUp();
    listen();
    const terms = { tenant: "local", priority: "batch", isWarmUp: true } as const;
    expect(await collect(generate(generationRequest({ terms })))).toEqual(EVENTS);
    expect(seen).toEqual([]);
  });

  it("hears of a beginning and an end of each, whatever the client takes of it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom("next", "return"), { minLength: 1, maxLength: 8 }), async (steps) => {
        const { generate, seen, listen } = setUp();
        listen();
        const iterator = generate(generationRequest())[Symbol.asyncIterator]();
        await Promise.all(steps.map((step) => (step === "next" ? iterator.next() : iterator.return?.())));
        await iterator.return?.();
        const began = seen.filter(({ type }) => type === "began");
        const ends = seen.filter(({ type }) => type === "ended" || type === "failed");
        expect(began).toHaveLength(steps[0] === "next" ? 1 : 0);
        expect(ends).toHaveLength(began.length);
      }),
    );
  });
});

describe("who follows requests whose answers are repeated", () => {
  const repeat = { tokens: 9, ageSeconds: 3, ttlSeconds: 60 };
  const replay: GenerationEvent = { type: "started", promptTokens: 0, cachedTokens: 0, isReplay: true };
  const repeating: Generate = async function* () {
    yield replay;
  };

  function followRepeats(generate: Generate) {
    const { generate: watched, seen, listen, watch } = setUp(generate);
    const heard: unknown[] = [];
    watch.follow(
      () => ({ event: (event) => heard.push(event.type), note: ({ type }) => heard.push(type) }),
      (request, startedMs, endMs) => heard.push([request.id, request.repeat, endMs >= startedMs]),
    );
    return { generate: () => collect(watched(generationRequest({ repeat }))), seen, listen, heard };
  }

  it("hears of each once, at its end", async () => {
    const { generate, heard } = followRepeats(repeating);
    expect(await generate()).toEqual([replay]);
    expect(heard).toEqual([["req_1", repeat, true]]);
  });

  it("hears of one that is refused as of any other", async () => {
    const { generate, heard } = followRepeats(() => {
      throw new Error("limit");
    });
    await expect(generate()).rejects.toThrow("limit");
    expect(heard).toEqual(["failed"]);
  });

  it("hears what it would hear of any answer from the cache, if it doesn't ask for less", async () => {
    const { generate, seen, listen } = followRepeats(repeating);
    listen();
    await generate();
    const outcome = { type: "hit", ageSeconds: 3, ttlSeconds: 60 };
    expect(seen).toEqual([
      ...[{ type: "began" }, { type: "cache", outcome }, ...asEvents([replay])],
      { type: "ended", outcome: "done" },
    ]);
  });
});

describe("who listens to embeddings", () => {
  const request = { id: "req_1", model: "one", items: [], dimensions: undefined, signal: new AbortController().signal };

  it("hears of their news, of what was made, and of the end", async () => {
    const { embed, seen, listen } = setUpEmbeddings(async ({ observe }) => {
      observe?.(ADMITTED);
      return { vectors: [], tokens: 7 };
    });
    const own: News[] = [];
    listen();
    expect(await embed({ ...request, observe: (news) => own.push(news) })).toEqual({ vectors: [], tokens: 7 });
    expect(own).toEqual([ADMITTED]);
    expect(seen).toEqual([
      ...[{ type: "began" }, ADMITTED, { type: "embedded", tokens: 7 }],
      { type: "ended", outcome: "done" },
    ]);
  });

  it("hears nothing of the gateway's own", async () => {
    const { embed, seen, listen } = setUpEmbeddings(async () => ({ vectors: [], tokens: 7 }));
    listen();
    await embed({ ...request, terms: { tenant: "local", priority: "batch", isWarmUp: true } });
    expect(seen).toEqual([]);
  });

  it("hears of a failure, and of a client that left", async () => {
    const error = new Error("no");
    const { embed, seen, listen } = setUpEmbeddings(() => Promise.reject(error));
    listen();
    await expect(embed(request)).rejects.toBe(error);
    await expect(embed({ ...request, signal: AbortSignal.abort() })).rejects.toBe(error);
    expect(seen).toEqual([
      ...[{ type: "began" }, { type: "failed", error }],
      ...[{ type: "began" }, { type: "ended", outcome: "left" }],
    ]);
  });
});

function setUpEmbeddings(backend: Embed) {
  const watch = createWatch();
  const seen: Sighting[] = [];
  return {
    embed: composeEmbed([watch.embedLayer], backend),
    seen,
    listen: () => watch.listen((_, sighting) => seen.push(sighting)),
  };
}
