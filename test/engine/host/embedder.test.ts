import { describe, expect, test } from "vitest";
import { EngineLoadError, EngineStoppedError } from "../../../src/engine/host/errors.ts";
import { EmbeddingRefusedError } from "../../../src/generation/embedding.ts";
import { EngineCrashedError, EngineUnavailableError } from "../../../src/generation/errors.ts";
import { createEmbedderBench, texts } from "./fake-embedder.ts";
import { settle } from "./helpers.ts";

describe("the embedding process", () => {
  test("starts with the first request and not before", async () => {
    const bench = createEmbedderBench();
    expect(bench.workers).toHaveLength(0);
    expect(bench.embedder.state).toBe("unloaded");
    const result = bench.embedder.embed(texts(["a"]));
    expect(bench.worker.sent).toEqual([{ type: "load", options: expect.objectContaining({ gpu: "off" }) }]);
    bench.worker.load();
    bench.worker.answer(1, 2);
    expect(await result).toEqual({ vectors: [Float32Array.of(1, 2)], tokens: 3 });
    expect(bench.embedder.state).toBe("ready");
    expect(bench.workers).toHaveLength(1);
  });

  test("ends when it was idle for a while, and starts again for the next request", async () => {
    const bench = createEmbedderBench({ idleMs: 1_000 });
    const first = bench.embedder.embed(texts(["a"]));
    bench.worker.load();
    bench.worker.answer(1);
    await first;
    const beat = () => {
      bench.clock.advance(900);
      bench.worker.say({ type: "heartbeat", decodingForMs: 0 });
    };
    beat();
    const second = bench.embedder.embed(texts(["b"]));
    bench.worker.answer(2);
    await second;
    beat();
    expect(bench.worker.connected).toBe(true);
    bench.clock.advance(100);
    expect(bench.worker.connected).toBe(false);

    const third = bench.embedder.embed(texts(["c"]));
    await settle();
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    bench.worker.answer(3);
    expect((await third).vectors).toEqual([Float32Array.of(3)]);
    await bench.embedder.stop();
    expect(bench.clock.pending).toBe(0);
  });

  test("gets the text that it died of again in a new process, and keeps the vectors made before", async () => {
    const bench = createEmbedderBench();
    const result = bench.embedder.embed(texts(["a", "b"]));
    bench.worker.load();
    bench.worker.answer(1);
    bench.worker.die();
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    expect(bench.worker.askedTexts).toEqual(["b"]);
    bench.worker.answer(2);
    expect(await result).toEqual({ vectors: [Float32Array.of(1), Float32Array.of(2)], tokens: 6 });
  });

  test("fails the request that kills it twice, and no other", async () => {
    const bench = createEmbedderBench();
    const deadly = bench.embedder.embed(texts(["deadly"]));
    const harmless = bench.embedder.embed(texts(["harmless"]));
    deadly.catch(() => {});
    bench.worker.load();
    expect(bench.worker.askedTexts).toEqual(["deadly"]);
    bench.worker.die();
    bench.worker.load();
    expect(bench.worker.askedTexts).toEqual(["harmless"]);
    bench.worker.answer(1);
    expect(bench.worker.askedTexts).toEqual(["harmless", "deadly"]);
    bench.worker.die();
    await expect(deadly).rejects.toBeInstanceOf(EngineCrashedError);
    expect((await harmless).vectors).toHaveLength(1);
    expect(bench.workers).toHaveLength(2);
  });

  test("gets the text that killed it after the requests that came while it loaded again", async () => {
    const bench = createEmbedderBench();
    const deadly = bench.embedder.embed(texts(["deadly"]));
    bench.worker.load();
    bench.worker.die();
    const harmless = bench.embedder.embed(texts(["harmless"]));
    bench.worker.load();
    expect(bench.worker.askedTexts).toEqual(["harmless"]);
    bench.worker.answer(1);
    expect((await harmless).vectors).toEqual([Float32Array.of(1)]);
    bench.worker.answer(2);
    expect((await deadly).vectors).toEqual([Float32Array.of(2)]);
    expect(bench.workers).toHaveLength(2);
  });

  test("is killed when it hangs, and its request continues in another process", async () => {
    const bench = createEmbedderBench({ heartbeatTimeoutMs: 1_000 });
    const result = bench.embedder.embed(texts(["a"]));
    bench.worker.load();
    bench.clock.advance(1_100);
    await settle();
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    bench.worker.answer(1);
    expect((await result).vectors).toHaveLength(1);
  });

  test("that can't load the model fails the waiting requests, logs the reason, and is started again by the next request", async () => {
    const bench = createEmbedderBench();
    const result = bench.embedder.embed(texts(["a"]));
    bench.worker.say({ type: "loadFailed", reason: "no such tensor" });
    bench.worker.die(1, null);
    await expect(result).rejects.toBeInstanceOf(EngineUnavailableError);
    expect(bench.lines.map(({ msg }) => msg)).toContainEqual(expect.stringContaining("no such tensor"));
    expect(bench.workers).toHaveLength(1);

    const next = bench.embedder.embed(texts(["b"]));
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    bench.worker.answer(1);
    expect((await next).vectors).toHaveLength(1);
  });

  test("that sends an invalid message is replaced", async () => {
    const bench = createEmbedderBench();
    const result = bench.embedder.embed(texts(["a"]));
    bench.worker.load();
    bench.worker.emit("message", { type: "embedded", id: 1, vector: [1, 2], tokens: 3 });
    await settle();
    expect(bench.workers).toHaveLength(2);
    bench.worker.load();
    bench.worker.answer(1);
    await result;
  });
});

describe("warming up", () => {
  test("loads the model before the first request", async () => {
    const bench = createEmbedderBench();
    const warm = bench.embedder.load();
    bench.worker.load({ dimensions: 5 });
    expect(await warm).toMatchObject({ dimensions: 5 });
    expect((await bench.embedder.load()).dimensions).toBe(5);
    expect(bench.workers).toHaveLength(1);
  });

  test("reports why the model can't be loaded", async () => {
    const bench = createEmbedderBench();
    const warm = bench.embedder.load();
    bench.worker.say({ type: "loadFailed", reason: "no such tensor" });
    bench.worker.die(1, null);
    await expect(warm).rejects.toThrow(EngineLoadError);
    await expect(warm).rejects.toThrow("no such tensor");
  });

  test("is ended by a stop", async () => {
    const bench = createEmbedderBench();
    const warm = bench.embedder.load();
    warm.catch(() => {});
    await bench.embedder.stop();
    await expect(warm).rejects.toBeInstanceOf(EngineStoppedError);
  });
});

describe("requests", () => {
  test("that are aborted leave at once, and their work is cancelled", async () => {
    const bench = createEmbedderBench();
    const leaving = new AbortController();
    const left = bench.embedder.embed(texts(["a", "b"], { signal: leaving.signal }));
    const stays = bench.embedder.embed(texts(["c"]));
    bench.worker.load();
    const [first] = bench.worker.asked;
    leaving.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    expect(bench.worker.sent.at(-1)).toEqual({ type: "cancel", id: first?.id });
    bench.worker.say({ type: "cancelled", id: first?.id ?? -1 });
    expect(bench.worker.askedTexts).toEqual(["a", "c"]);
    bench.worker.answer(1);
    expect((await stays).vectors).toHaveLength(1);
  });

  test("that were aborted before their arrival never reach the worker", async () => {
    const bench = createEmbedderBench();
    await expect(bench.embedder.embed(texts(["a"], { signal: AbortSignal.abort(new Error("gone")) }))).rejects.toThrow(
      "gone",
    );
    expect(bench.workers).toHaveLength(0);
  });

  test("get the error of the refused item, and other requests continue", async () => {
    const bench = createEmbedderBench();
    const refused = bench.embedder.embed(texts(["a", "b"]));
    bench.worker.load();
    bench.worker.answer(1);
    bench.worker.say({ type: "refused", id: bench.worker.asked.at(-1)?.id ?? -1, refusal: { code: "empty" } });
    await expect(refused).rejects.toBeInstanceOf(EmbeddingRefusedError);
    await expect(refused).rejects.toMatchObject({ index: 1, refusal: { code: "empty" } });
    const next = bench.embedder.embed(texts(["c"]));
    bench.worker.answer(1);
    await next;
  });

  test.each([
    [
      "more dimensions than the model has",
      "mean",
      texts(["a"], { dimensions: 3 }),
      { code: "too_many_dimensions", modelDimensions: 2 },
    ],
    ["embeddings from a reranker", "rank", texts(["a"]), { code: "only_a_reranker" }],
    [
      "scores from another model",
      "mean",
      texts([], { items: [{ type: "pair", query: "q", document: "d" }] }),
      { code: "not_a_reranker" },
    ],
  ] as const)("that ask for %s are refused before anything is evaluated", async (_, pooling, request, refusal) => {
    const bench = createEmbedderBench();
    const refused = bench.embedder.embed(request);
    bench.worker.load({ pooling });
    await expect(refused).rejects.toMatchObject({ index: 0, refusal });
    expect(bench.worker.asked).toEqual([]);
  });

  test("fail when the gateway stops, and so do later ones", async () => {
    const bench = createEmbedderBench();
    const running = bench.embedder.embed(texts(["a"]));
    running.catch(() => {});
    bench.worker.load();
    await bench.embedder.stop();
    await expect(running).rejects.toBeInstanceOf(EngineUnavailableError);
    await expect(bench.embedder.embed(texts(["b"]))).rejects.toBeInstanceOf(EngineUnavailableError);
    expect(bench.worker.dead).toBe(true);
    expect(bench.clock.pending).toBe(0);
  });
});
