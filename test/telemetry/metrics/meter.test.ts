import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Backend, BackendState, Occupancy } from "../../../src/generation/backend.ts";
import { OverloadedError, RateLimitedError, UpstreamError } from "../../../src/generation/errors.ts";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { compose, type Generate } from "../../../src/generation/layer.ts";
import type { News } from "../../../src/generation/news.ts";
import { STEP_SECONDS, STEP_SEQUENCES } from "../../../src/generation/step-counts.ts";
import { createWatch } from "../../../src/generation/watch.ts";
import { createModelDirectory } from "../../../src/routing/directory.ts";
import { FAMILIES } from "../../../src/telemetry/metrics/families.ts";
import { createMeter } from "../../../src/telemetry/metrics/meter.ts";
import { collect, generationRequest } from "../../fixtures/generation.ts";
import { readMetrics, sampleOf } from "../../fixtures/read-metrics.ts";
import { servedModel } from "../../fixtures/served-model.ts";

type Step = GenerationEvent | { readonly news: News } | { readonly passMs: number } | { readonly error: unknown };

/** A gateway's meter around a model that does as it is told, on a clock that stands still in between. */
function setUp(overrides: Partial<Backend> = {}) {
  let ms = 0;
  const directory = createModelDirectory([servedModel({ id: "m", ...overrides })]);
  const meter = createMeter({ models: directory, version: "1.2.3", now: () => ms });
  onTestFinished(meter.close);
  const watch = createWatch(() => ms);
  watch.follow(meter.follow);
  const play = (steps: readonly Step[]): Generate =>
    async function* ({ observe }) {
      for (const step of steps) {
        if ("passMs" in step) ms += step.passMs;
        else if ("news" in step) observe?.(step.news);
        else if ("error" in step) throw step.error;
        else yield step;
      }
    };
  const run = (...steps: readonly Step[]) =>
    collect(compose([watch.layer], play(steps))(generationRequest({ model: "m" }))).catch(() => {});
  const read = (name: string, labels?: Readonly<Record<string, string>>) => sampleOf(meter.write(), name, labels);
  const pass = (passMs: number) => {
    ms += passMs;
  };
  return { meter, directory, run, read, watch, play, pass };
}

/** Tells listeners of a model's state. */
function createStates() {
  const listeners = new Set<(state: BackendState) => void>();
  return {
    listeners,
    onStateChange(listener: (state: BackendState) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell: (...states: readonly BackendState[]) => {
      for (const state of states) for (const listener of listeners) listener(state);
    },
  };
}

const STARTED: GenerationEvent = { type: "started", promptTokens: 100, cachedTokens: 40 };
const text = (said: string): GenerationEvent => ({ type: "text", choice: 0, text: said });
const FINISHED: GenerationEvent = {
  type: "finished",
  choice: 0,
  reason: "stop",
  completionTokens: 11,
  reasoningTokens: 2,
};
const OWN_MODEL = {
  gen_ai_operation_name: "chat",
  gen_ai_provider_name: "sluice",
  gen_ai_request_model: "m",
  gen_ai_response_model: "m",
};

describe("the metrics of requests to models", () => {
  it("are those of what happened", async () => {
    const { run, read } = setUp();
    const admitted = { news: { type: "admitted", waitedMs: 300, position: 1 } } as const;
    const answer = [STARTED, { passMs: 500 }, text("a"), { passMs: 1_000 }, text("b"), FINISHED] as const;
    await run({ passMs: 300 }, admitted, ...answer);
    await run({ passMs: 300 }, admitted, ...answer);
    expect(read("sluice_requests_total", { model: "m", outcome: "done" })).toBe(2);
    expect(read("sluice_prompt_tokens_total")).toBe(200);
    expect(read("sluice_cached_tokens_total")).toBe(80);
    expect(read("sluice_completion_tokens_total")).toBe(22);
    expect(read("sluice_reasoning_tokens_total")).toBe(4);
    expect(read("sluice_queue_wait_seconds_sum")).toBeCloseTo(0.6);
    expect(read("sluice_time_to_first_token_seconds_sum", { from: "model" })).toBeCloseTo(1.6);
    expect(read("sluice_request_duration_seconds_sum", { from: "model" })).toBeCloseTo(3.6);
    expect(read("gen_ai_server_request_duration_seconds_count", { ...OWN_MODEL, error_type: "" })).toBe(2);
    expect(read("gen_ai_server_time_to_first_token_seconds_bucket", { ...OWN_MODEL, le: "0.75" })).toBe(0);
    expect(read("gen_ai_server_time_to_first_token_seconds_bucket", { ...OWN_MODEL, le: "1" })).toBe(2);
    expect(read("gen_ai_server_time_per_output_token_seconds_sum", OWN_MODEL)).toBeCloseTo(0.2);
    expect(read("vllm:prefix_cache_queries_total", { model_name: "m" })).toBe(200);
    expect(read("vllm:prefix_cache_hits_total", { model_name: "m" })).toBe(80);
  });

  it("have a first token also where an answer is passed on as it came", async () => {
    const { run, read } = setUp();
    const usage = { type: "usage", promptTokens: 9, cachedTokens: 0, completionTokens: 3 } as const;
    const frames = { type: "frames", text: "data: {}\n\n" } as const;
    await run({ type: "started" }, { passMs: 50 }, frames, { type: "finished", choice: 0, reason: "stop" }, usage);
    expect(read("sluice_time_to_first_token_seconds_sum", { from: "model" })).toBeCloseTo(0.05);
    expect(read("sluice_completion_tokens_total")).toBe(3);
  });

  it("tell how true predicted waits were, by class, without stored answers", async () => {
    const { run, read } = setUp();
    const waits = { news: { type: "waiting", position: 2, etaMs: 1_000 } } as const;
    await run(waits, { passMs: 1_500 }, STARTED, text("a"), FINISHED);
    await run(waits, { passMs: 9_000 }, { ...STARTED, isReplay: true }, text("a"), FINISHED);
    await run(waits, { passMs: 9_000 }, { error: new Error("gone") });
    const labels = { model: "m", class: "default", by: "queue" };
    expect(read("sluice_wait_prediction_ratio_sum", labels)).toBe(1.5);
    expect(read("sluice_wait_prediction_ratio_count", labels)).toBe(1);
  });

  it("count a repeated answer as another that the cache has stored", async () => {
    const repeat = { tokens: 9, ageSeconds: 1, ttlSeconds: 1 };
    const repeating: Generate = async function* () {
      yield { type: "started", promptTokens: 0, cachedTokens: 0, isReplay: true };
    };
    const [once, each] = await Promise.all(
      [true, false].map(async (isTaken) => {
        const { meter } = setUp();
        const watch = createWatch(() => 0);
        watch.follow(meter.follow, isTaken ? meter.followRepeat : undefined);
        await collect(compose([watch.layer], repeating)(generationRequest({ model: "m", repeat })));
        return readMetrics(meter.write()).samples.filter(({ name }) => /^sluice_(?!model|build)/.test(name));
      }),
    );
    expect(once).toEqual(each);
    expect(once).toContainEqual({
      name: "sluice_cache_requests_total",
      labels: { model: "m", outcome: "hit", tier: "memory" },
      value: 1,
    });
  });

  it("count stored answers apart, and no tokens for them", async () => {
    const { run, read } = setUp();
    const outcome = { type: "hit", ageSeconds: 1, ttlSeconds: 1 } as const;
    await run({ news: { type: "cache", outcome } }, { ...STARTED, isReplay: true }, text("a"), FINISHED);
    const news = { type: "cache", outcome: { ...outcome, detail: "SEMANTIC" } } as const;
    await run({ news }, { ...STARTED, isReplay: true }, text("a"), FINISHED);
    expect(read("sluice_cache_requests_total", { outcome: "hit", tier: "memory" })).toBe(1);
    expect(read("sluice_cache_requests_total", { outcome: "hit", tier: "semantic" })).toBe(1);
    expect(read("sluice_time_to_first_token_seconds_count", { from: "cache" })).toBe(2);
    expect(read("sluice_completion_tokens_total")).toBe(0);
    expect(read("gen_ai_server_request_duration_seconds_count")).toBeUndefined();
  });

  it("tell refusals by their reason from failures by their code", async () => {
    const { run, read } = setUp();
    await run({ error: new OverloadedError("Full.", 1) });
    await run({ error: new OverloadedError("Late.", 1, "late") });
    await run({ error: new OverloadedError("In vain.", 1, "expired") });
    await run({ error: new RateLimitedError("Limit.", 1, "tokens") });
    await run({ error: new UpstreamError({ status: 503, message: "Busy." }) });
    await run(STARTED, text("a"), { error: new UpstreamError({ status: 500, message: "x", code: "anything at all" }) });
    await run({ error: new Error("a defect") });
    for (const reason of ["full", "late", "expired", "limit_of_tokens", "upstream_busy"]) {
      expect(read("sluice_refusals_total", { model: "m", reason })).toBe(1);
    }
    expect(read("sluice_failures_total", { code: "upstream_500" })).toBe(1);
    expect(read("sluice_failures_total", { code: "other" })).toBe(1);
    expect(read("sluice_requests_total", { outcome: "refused" })).toBe(5);
    expect(read("sluice_requests_total", { outcome: "failed" })).toBe(2);
  });

  it("count what was generated for who left", async () => {
    const { watch, play, read } = setUp();
    const left = { type: "left", spent: { prompt: 0, cached: 0, completion: 7 } } as const;
    const generate = compose([watch.layer], async function* (request) {
      try {
        yield* play([STARTED, text("a"), text("b")])(request);
      } finally {
        request.observe?.(left);
      }
    });
    for await (const event of generate(generationRequest({ model: "m" }))) if (event.type === "text") break;
    expect(read("sluice_requests_total", { outcome: "left" })).toBe(1);
    expect(read("sluice_completion_tokens_total")).toBe(7);
    expect(read("sluice_request_duration_seconds_count", { from: "model" })).toBe(0);
  });

  it("are those of the engine's work, and what that costs", async () => {
    const { run, read } = setUp({
      costOf: ({ completion, computeMs = 0, joules = 0 }) => ({
        money: completion / 100 + computeMs / 1_000,
        energy: { joules, isEstimate: false },
      }),
    });
    const evaluation = { ...{ waitingMs: 1, prefillMs: 200, prefillTokens: 60 }, decodeMs: 500, decodeTokens: 11 };
    const news = { type: "evaluated", choice: 0, evaluation: { ...evaluation, computeMs: 50, joules: 3 } } as const;
    await run(STARTED, text("a"), { news }, FINISHED);
    expect(read("sluice_prefill_seconds_sum", { model: "m" })).toBeCloseTo(0.2);
    expect(read("sluice_prefill_tokens_total")).toBe(60);
    expect(read("sluice_decode_seconds_sum")).toBeCloseTo(0.5);
    expect(read("sluice_decode_tokens_total")).toBe(11);
    expect(read("sluice_cost_dollars_total", { model: "m" })).toBeCloseTo(0.11 + 0.05);
    expect(read("sluice_energy_joules_total", { model: "m" })).toBe(3);
  });

  it("cost what another server says, and nothing if it was refused or stored", async () => {
    const { run, read } = setUp({ costOf: ({ told = 7 }) => ({ money: told }) });
    const usage = { type: "usage", promptTokens: 9, cachedTokens: 0, completionTokens: 3, cost: 0.25 } as const;
    await run({ type: "started" }, text("a"), { type: "finished", choice: 0, reason: "stop" }, usage);
    await run({ error: new OverloadedError("Full.", 1) });
    await run({ ...STARTED, isReplay: true }, FINISHED);
    expect(read("sluice_cost_dollars_total")).toBe(0.25);
  });

  it("count the work of a target whose answer was not used for that target", async () => {
    const { run, read, directory } = setUp();
    directory.add(servedModel({ id: "small", costOf: ({ completion }) => ({ money: completion }) }));
    const spent = { prompt: 5, cached: 1, completion: 2 };
    await run({ news: { type: "discarded", target: "small", spent } }, STARTED, text("a"), FINISHED);
    expect(read("sluice_completion_tokens_total", { model: "small" })).toBe(2);
    expect(read("sluice_cost_dollars_total", { model: "small" })).toBe(2);
    expect(read("sluice_completion_tokens_total", { model: "m" })).toBe(11);
  });

  it("are those of the target that a route chose", async () => {
    const { run, read } = setUp();
    await run(
      { news: { type: "routed", route: "r", steps: [{ target: "n", outcome: "answered" }] } },
      STARTED,
      FINISHED,
    );
    expect(read("sluice_requests_total", { model: "n", outcome: "done" })).toBe(1);
    expect(
      read("gen_ai_server_request_duration_seconds_count", { gen_ai_request_model: "m", gen_ai_response_model: "n" }),
    ).toBe(1);
  });
});

describe("the gauges of models", () => {
  const occupancy: Occupancy = {
    ...{ waiting: 3, running: 2, firstTokenMs: 1_500 },
    slots: { used: 3, all: 4 },
    kv: { heldTokens: 4_096, roomTokens: 16_384 },
  };

  it("have vLLM's names, and the meanings that those who read them expect", () => {
    const { read } = setUp({ occupancy: () => occupancy });
    const own = { model_name: "m" };
    expect(read("vllm:num_requests_waiting", own)).toBe(3);
    expect(read("vllm:num_requests_running", own)).toBe(2);
    expect(read("vllm:kv_cache_usage_perc", own)).toBe(0.25);
    expect(read("vllm:gpu_cache_usage_perc", own)).toBe(0.25);
    expect(read("vllm:cache_config_info", { ...own, block_size: "16", num_gpu_blocks: "1024" })).toBe(1);
    expect(read("sluice_predicted_wait_seconds", { model: "m" })).toBe(1.5);
    expect(read("sluice_slots", { state: "free" })).toBe(1);
  });

  it("ask nobody else: a model's workload is left alone", () => {
    const { read } = setUp({
      occupancy: () => ({ waiting: 1, running: 1, firstTokenMs: undefined }),
      workload: () => {
        throw new Error("This would ask the upstream.");
      },
    });
    expect(read("vllm:num_requests_waiting")).toBe(1);
    expect(read("vllm:kv_cache_usage_perc")).toBeUndefined();
    expect(read("sluice_predicted_wait_seconds")).toBeUndefined();
  });

  it("go with their model, and restarts are counted while it is served", () => {
    const { listeners, onStateChange, tell } = createStates();
    const { directory, read } = setUp({ occupancy: () => occupancy, onStateChange });
    expect(read("sluice_engine_restarts_total", { model: "m" })).toBe(0);
    tell("restarting", "ready", "restarting");
    expect(read("sluice_engine_restarts_total", { model: "m" })).toBe(2);
    expect(read("sluice_model_loads_total", { outcome: "loaded" })).toBe(0);
    directory.remove("m");
    expect(listeners.size).toBe(0);
    expect(read("vllm:num_requests_waiting")).toBeUndefined();
  });
});

describe("the metrics of models that come and go", () => {
  it("tell of loads and how long they took, of failures, and of unloads", () => {
    const { onStateChange, tell } = createStates();
    const { read, pass } = setUp({ onStateChange });
    tell("loading");
    pass(1_500);
    tell("ready", "unloading", "unloaded", "loading", "failed", "loading", "unloaded");
    expect(read("sluice_model_loads_total", { model: "m", outcome: "loaded" })).toBe(1);
    expect(read("sluice_model_loads_total", { model: "m", outcome: "failed" })).toBe(1);
    expect(read("sluice_model_load_seconds_sum", { model: "m" })).toBe(1.5);
    // The last load was given up before it had any memory.
    expect(read("sluice_model_unloads_total", { model: "m" })).toBe(1);
  });

  it("have their memory while it is in use", () => {
    let memoryBytes: number | undefined = 5_000;
    const { read } = setUp({ residence: () => (memoryBytes === undefined ? undefined : { memoryBytes }) });
    expect(read("sluice_model_memory_bytes", { model: "m" })).toBe(5_000);
    memoryBytes = undefined;
    expect(read("sluice_model_memory_bytes", { model: "m" })).toBeUndefined();
  });

  it("have the steps of their engines, and what refused requests were told", () => {
    const seconds = { counts: STEP_SECONDS.concat(0).map((_, at) => (at === 3 ? 2 : 0)), sum: 0.015 };
    const { read } = setUp({
      steps: () => ({
        ...{ betweenTokens: seconds, decodes: seconds, prefills: seconds },
        sequences: { counts: STEP_SEQUENCES.concat(0).map((_, at) => (at === 1 ? 2 : 0)), sum: 4 },
        reused: { slot: 30, file: 12 },
      }),
      occupancy: () => ({ waiting: 0, running: 0, firstTokenMs: 1, returns: { admitted: 5, refused: 1 } }),
    });
    expect(read("sluice_inter_token_seconds_bucket", { model: "m", le: "0.005" })).toBe(0);
    expect(read("sluice_inter_token_seconds_bucket", { model: "m", le: "0.01" })).toBe(2);
    expect(read("sluice_step_seconds_sum", { phase: "decode" })).toBe(0.015);
    expect(read("sluice_step_sequences_sum", { model: "m" })).toBe(4);
    expect(read("sluice_step_sequences_count", { model: "m" })).toBe(2);
    expect(read("sluice_reused_tokens_total", { from: "file" })).toBe(12);
    expect(read("sluice_returns_total", { outcome: "refused" })).toBe(1);
  });

  it("count how often an upstream was left alone once, however many models it has", () => {
    const { onStateChange, tell } = createStates();
    const upstream = { name: "there", kind: "openai", gatewayId: () => undefined, isLocal: false };
    const { directory, read } = setUp({ upstream, onStateChange });
    directory.add(servedModel({ id: "other", upstream, onStateChange }));
    tell("restarting", "ready", "restarting");
    expect(read("sluice_upstream_breaks_total", { upstream: "there" })).toBe(2);
    expect(read("sluice_engine_restarts_total")).toBeUndefined();
    directory.remove("m");
    tell("ready", "restarting");
    expect(read("sluice_upstream_breaks_total", { upstream: "there" })).toBe(3);
  });
});

describe("the metrics of the process", () => {
  it("tell of its memory and of how long its event loop was held up", async () => {
    const { read } = setUp();
    let turns = 0;
    const lagAfterHold = () => {
      turns += 1;
      const endMs = performance.now() + 100;
      if (turns % 2 === 1) while (performance.now() < endMs);
      // It is seen by the loop's next look.
      return turns % 2 === 0 ? (read("nodejs_eventloop_lag_max_seconds") ?? 0) : 0;
    };
    await expect.poll(lagAfterHold).toBeGreaterThan(0.05);
    expect(read("nodejs_heap_size_used_bytes")).toBeGreaterThan(1_000_000);
    expect(read("process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
  });
});

describe("docs/metrics.md", () => {
  const page = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z0-9_:]+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|/gm)];

  it("has every metric with its type, its labels and its meaning, and no other", () => {
    const told = rows.map(([, name, type, labels = "", help]) => {
      return { name, type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label), help };
    });
    expect(told).toEqual(
      FAMILIES.map(({ name, type, labels = [], help }) => ({ name, type, labels: [...labels], help })),
    );
  });

  it("describes what is really written", async () => {
    const { meter, run } = setUp({ occupancy: () => ({ waiting: 0, running: 0, firstTokenMs: 1 }) });
    await run(STARTED, text("a"), FINISHED);
    meter.answered({ path: "/v1/models/{id}", model: "m", route: undefined, status: 200 });
    meter.tried("there", "answered");
    const { samples, types } = readMetrics(meter.write());
    const known = new Map(FAMILIES.map((family) => [family.name, family]));
    for (const [name, type] of types) expect(known.get(name)?.type).toBe(type);
    for (const { name, labels } of samples) {
      const family = known.get(name) ?? known.get(name.replace(/_(bucket|sum|count)$/, ""));
      expect(Object.keys(labels).filter((label) => label !== "le")).toEqual(family?.labels ?? []);
    }
  });
});
