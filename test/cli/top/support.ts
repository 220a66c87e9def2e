import { type LiveSnapshot, liveSnapshot } from "../../../src/live/snapshot.ts";

/** A snapshot with something in each of its parts. */
export function snapshotAt(at: number, given: Partial<LiveSnapshot> = {}): LiveSnapshot {
  const request = { id: "req_1", key: "alice", class: "interactive", choice: 0, prompt_tokens: 100 };
  const model = {
    ...{
      id: "smollm2-135m-instruct",
      state: "ready",
      upstream: null,
      memory_bytes: 200 * 1024 ** 2,
      unload_in_ms: null,
    },
    ...{ pinned: false, context_tokens: 2_048, waiting: 1, running: 2, first_token_ms: 120, wait_ratio: null },
    tokens_per_second: 34.5,
  };
  return liveSnapshot.parse({
    ...{ object: "live.snapshot", version: "0.1.0", started_at: at - 65_000 },
    point: {
      ...{ at, tokens_per_second: 34.5, prompt_tokens_per_second: 12, first_token_ms: [120, 400, 500] },
      ...{ between_tokens_ms: [29, 40, 50], waiting: 1, running: 2, ended: 0, failed: 0 },
    },
    models: [
      {
        ...model,
        slots: [
          {
            ...{ index: 0, held_tokens: 130 },
            request: {
              ...request,
              prefilled_tokens: 100,
              cached_tokens: 40,
              generated_tokens: 30,
              tokens_per_second: 17.2,
            },
          },
          {
            ...{ index: 1, held_tokens: 50 },
            request: {
              ...request,
              prefilled_tokens: 50,
              cached_tokens: 0,
              generated_tokens: 0,
              tokens_per_second: null,
            },
          },
          { index: 2, held_tokens: 0, request: null },
        ],
      },
      {
        ...{ ...model, id: "far", waiting: 0, running: 0, tokens_per_second: 0, slots: [], memory_bytes: null },
        upstream: { name: "up", kind: "vllm", breaker: "trying", retry_after_ms: 0 },
      },
    ],
    queue: [
      {
        ...{ id: "req_2", key: "bob", class: "batch", model: "smollm2-135m-instruct", state: "waiting", position: 1 },
        ...{ waited_ms: 900, promised_ms: 4_000, eta_ms: 3_100 },
      },
    ],
    batches: [
      {
        ...{
          id: "batch_1",
          key: "bob",
          endpoint: "/v1/responses",
          model: "smollm2-135m-instruct",
          status: "in_progress",
        },
        ...{
          request_counts: { total: 500, completed: 118, failed: 2 },
          requests_per_second: 3.1,
          eta_seconds: 125,
          paused: null,
          upstream: null,
        },
      },
    ],
    routes: [
      {
        route: "auto",
        targets: [
          { target: "smollm2-135m-instruct", reason: null },
          { target: "far", reason: "costs more" },
        ],
        excluded: [{ target: "gone", reason: "not served" }],
      },
    ],
    cache: {
      ...{ entries: 7, bytes: 4_096, max_bytes: 1_048_576, hits: 30, semantic_hits: 2, misses: 10, collapsed: 1 },
      ...{ bypassed: 0, shared: { up: true, hits: 3, misses: 4 } },
    },
    memory: { process_bytes: 100 * 1024 ** 2, models_bytes: 200 * 1024 ** 2, budget_bytes: 1024 ** 3 },
    events: [{ at: at - 5_000, model: "smollm2-135m-instruct", state: "ready" }],
    ...given,
  });
}
