import { STEP_SECONDS, STEP_SEQUENCES } from "../../generation/step-counts.ts";
import type { Family } from "./registry.ts";

/**
 * The buckets of OpenTelemetry's conventions for servers of generative models, in seconds.
 * https://github.com/open-telemetry/semantic-conventions-genai (v0.1.0; the three server metrics are as in semconv 1.41)
 */
const DURATION = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const LOAD = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256];
const EACH_TOKEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

/** Of what was predicted: 1 is as predicted, 2 is twice as long. */
const RATIO = [0.25, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 4, 8];

const OTEL = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model"];

/** Sluice's own names. */
export const SLUICE = {
  requests: {
    name: "sluice_http_requests_total",
    type: "counter",
    help: "Answered requests, by the path in the API, the model, the route that the request named, and the status (499: the client left)",
    labels: ["path", "model", "route", "status"],
  },
  generations: {
    name: "sluice_requests_total",
    type: "counter",
    help: "Requests to models, by what became of them: done, left (by the client), refused, failed",
    labels: ["model", "outcome"],
  },
  refusals: {
    name: "sluice_refusals_total",
    type: "counter",
    help: "Requests that were refused without an answer, by the reason",
    labels: ["model", "reason"],
  },
  failures: {
    name: "sluice_failures_total",
    type: "counter",
    help: "Requests to models that failed otherwise, by the error's code",
    labels: ["model", "code"],
  },
  promptTokens: {
    name: "sluice_prompt_tokens_total",
    type: "counter",
    help: "Tokens of prompts, without those of answers from the response cache",
    labels: ["model"],
  },
  cachedTokens: {
    name: "sluice_cached_tokens_total",
    type: "counter",
    help: "Tokens of prompts that were not evaluated again, because a slot or a file held them",
    labels: ["model"],
  },
  completionTokens: {
    name: "sluice_completion_tokens_total",
    type: "counter",
    help: "Generated tokens",
    labels: ["model"],
  },
  reasoningTokens: {
    name: "sluice_reasoning_tokens_total",
    type: "counter",
    help: "Generated tokens of reasoning, which are among the generated ones",
    labels: ["model"],
  },
  cacheAnswers: {
    name: "sluice_cache_requests_total",
    type: "counter",
    help: "Requests that the response cache handled: hit, or why it was none; of hits, the tier: memory, semantic, or another's name",
    labels: ["model", "outcome", "tier"],
  },
  cost: {
    name: "sluice_cost_dollars_total",
    type: "counter",
    help: "What requests have cost in US dollars, as far as prices are known",
    labels: ["model"],
  },
  energy: {
    name: "sluice_energy_joules_total",
    type: "counter",
    help: "The energy of requests in this machine's engines, as measured or estimated",
    labels: ["model"],
  },
  firstToken: {
    name: "sluice_time_to_first_token_seconds",
    type: "histogram",
    help: "From a request's arrival at the gateway's layers to its first token, by where it came from: model or cache",
    labels: ["model", "from"],
    buckets: FIRST_TOKEN,
  },
  duration: {
    name: "sluice_request_duration_seconds",
    type: "histogram",
    help: "From there to the end of the answer, by where it came from: model or cache",
    labels: ["model", "from"],
    buckets: DURATION,
  },
  queueWait: {
    name: "sluice_queue_wait_seconds",
    type: "histogram",
    help: "The wait for a turn in a model's queue",
    labels: ["model"],
    buckets: DURATION,
  },
  prefill: {
    name: "sluice_prefill_seconds",
    type: "histogram",
    help: "From getting a slot to the first token, for each choice in this machine's engines",
    labels: ["model"],
    buckets: DURATION,
  },
  prefillTokens: {
    name: "sluice_prefill_tokens_total",
    type: "counter",
    help: "Tokens of prompts that were evaluated in these times",
    labels: ["model"],
  },
  decode: {
    name: "sluice_decode_seconds",
    type: "histogram",
    help: "From the first token to the end, for each choice in this machine's engines",
    labels: ["model"],
    buckets: DURATION,
  },
  decodeTokens: {
    name: "sluice_decode_tokens_total",
    type: "counter",
    help: "Tokens that were generated in these times",
    labels: ["model"],
  },
  betweenTokens: {
    name: "sluice_inter_token_seconds",
    type: "histogram",
    help: "Between two tokens of a choice, in this machine's engines; without class `batch`, which rests while others are there",
    labels: ["model"],
    buckets: STEP_SECONDS,
  },
  steps: {
    name: "sluice_step_seconds",
    type: "histogram",
    help: "How long an engine's step took, by phase: decode (one token of each running choice), prefill (a piece of a prompt)",
    labels: ["model", "phase"],
    buckets: STEP_SECONDS,
  },
  stepSequences: {
    name: "sluice_step_sequences",
    type: "histogram",
    help: "How many choices a decoding step advanced",
    labels: ["model"],
    buckets: STEP_SEQUENCES,
  },
  reusedTokens: {
    name: "sluice_reused_tokens_total",
    type: "counter",
    help: "Tokens of prompts that an engine's process found, by where: slot, file",
    labels: ["model", "from"],
  },
  waiting: {
    name: "sluice_requests_waiting",
    type: "gauge",
    help: "Admitted requests that wait for their turn here",
    labels: ["model"],
  },
  running: {
    name: "sluice_requests_running",
    type: "gauge",
    help: "Requests that a model, or an upstream, is working on for this gateway",
    labels: ["model"],
  },
  slots: {
    name: "sluice_slots",
    type: "gauge",
    help: "Sequences that run at once, by state: used, free",
    labels: ["model", "state"],
  },
  heldTokens: {
    name: "sluice_kv_tokens",
    type: "gauge",
    help: "Tokens of running sequences in the engine's slots",
    labels: ["model"],
  },
  roomTokens: {
    name: "sluice_kv_tokens_limit",
    type: "gauge",
    help: "Tokens for which all slots of the engine have room",
    labels: ["model"],
  },
  predictedWait: {
    name: "sluice_predicted_wait_seconds",
    type: "gauge",
    help: "The predicted time to the first token of a short request that came now; absent before anything was measured",
    labels: ["model"],
  },
  foresight: {
    name: "sluice_wait_prediction_ratio",
    type: "histogram",
    help: "The time to the first token as a share of what was predicted, by who predicted it: queue (when the request came to wait), load (while its model was loaded), route (when it chose the target)",
    labels: ["model", "class", "by"],
    buckets: RATIO,
  },
  state: {
    name: "sluice_model_state",
    type: "gauge",
    help: "1 for the state that a model is in",
    labels: ["model", "state"],
  },
  replicas: {
    name: "sluice_model_replicas",
    type: "gauge",
    help: "Processes of a model that has several, by their state",
    labels: ["model", "state"],
  },
  restarts: {
    name: "sluice_engine_restarts_total",
    type: "counter",
    help: "How often a model's process died or hung and was started again",
    labels: ["model"],
  },
  loads: {
    name: "sluice_model_loads_total",
    type: "counter",
    help: "How often a model on this machine was loaded, by outcome: loaded, failed",
    labels: ["model", "outcome"],
  },
  loadTime: {
    name: "sluice_model_load_seconds",
    type: "histogram",
    help: "From being asked for, with the wait for room in memory, to being ready",
    labels: ["model"],
    buckets: LOAD,
  },
  unloads: {
    name: "sluice_model_unloads_total",
    type: "counter",
    help: "How often a model left memory",
    labels: ["model"],
  },
  modelMemory: {
    name: "sluice_model_memory_bytes",
    type: "gauge",
    help: "Memory of a loaded model's processes, as measured or, before it has served a request, as estimated",
    labels: ["model"],
  },
  returns: {
    name: "sluice_returns_total",
    type: "counter",
    help: "Refused requests that came back when they were told to, by whether that was true: admitted, refused",
    labels: ["model", "outcome"],
  },
  upstreamTries: {
    name: "sluice_upstream_tries_total",
    type: "counter",
    help: "Tries of requests at an upstream, by what became of them: answered, refused (4xx), busy (429, 503), failed, left",
    labels: ["upstream", "outcome"],
  },
  upstreamUp: {
    name: "sluice_upstream_up",
    type: "gauge",
    help: "1 if requests are sent to the upstream, 0 while it is left alone because it failed",
    labels: ["upstream"],
  },
  upstreamBreaks: {
    name: "sluice_upstream_breaks_total",
    type: "counter",
    help: "How often an upstream that had answered was left alone because it failed",
    labels: ["upstream"],
  },
  build: { name: "sluice_build_info", type: "gauge", help: "1, with the version", labels: ["version"] },
} as const satisfies Readonly<Record<string, Family>>;

/** OpenTelemetry's names, as its exporter for Prometheus writes them. */
export const GEN_AI = {
  duration: {
    name: "gen_ai_server_request_duration_seconds",
    type: "histogram",
    help: "Duration of a request to a model, without answers from the response cache",
    labels: [...OTEL, "error_type"],
    buckets: DURATION,
  },
  firstToken: {
    name: "gen_ai_server_time_to_first_token_seconds",
    type: "histogram",
    help: "Time to the first token of a request to a model, without answers from the response cache",
    labels: OTEL,
    buckets: FIRST_TOKEN,
  },
  eachToken: {
    name: "gen_ai_server_time_per_output_token_seconds",
    type: "histogram",
    help: "Time for each token after the first of a request to a model",
    labels: OTEL,
    buckets: EACH_TOKEN,
  },
} as const satisfies Readonly<Record<string, Family>>;

/** vLLM's names, by which those that choose among model servers read how busy one is. */
export const VLLM = {
  waiting: {
    name: "vllm:num_requests_waiting",
    type: "gauge",
    help: "Admitted requests that wait for their turn here",
    labels: ["model_name"],
  },
  running: {
    name: "vllm:num_requests_running",
    type: "gauge",
    help: "Requests that are being worked on",
    labels: ["model_name"],
  },
  usage: {
    name: "vllm:kv_cache_usage_perc",
    type: "gauge",
    help: "Tokens of running sequences, as a share of the room in all slots; 1 is full",
    labels: ["model_name"],
  },
  formerUsage: {
    name: "vllm:gpu_cache_usage_perc",
    type: "gauge",
    help: "The former name of vllm:kv_cache_usage_perc",
    labels: ["model_name"],
  },
  cacheConfig: {
    name: "vllm:cache_config_info",
    type: "gauge",
    help: "1, with the room in all slots as a number of blocks and the tokens of a block",
    labels: ["model_name", "block_size", "num_gpu_blocks"],
  },
  prefixQueries: {
    name: "vllm:prefix_cache_queries_total",
    type: "counter",
    help: "Tokens of prompts that were looked for among what is evaluated already",
    labels: ["model_name"],
  },
  prefixHits: {
    name: "vllm:prefix_cache_hits_total",
    type: "counter",
    help: "Those that were found",
    labels: ["model_name"],
  },
} as const satisfies Readonly<Record<string, Family>>;

/** Of the gateway's process, as Prometheus' own clients name them. */
export const PROCESS = {
  memory: { name: "process_resident_memory_bytes", type: "gauge", help: "Resident memory of the gateway's process" },
  processor: { name: "process_cpu_seconds_total", type: "counter", help: "Processor time of the gateway's process" },
  heap: {
    name: "nodejs_heap_size_used_bytes",
    type: "gauge",
    help: "Memory in use by JavaScript in the gateway's process",
  },
  lagMedian: {
    name: "nodejs_eventloop_lag_p50_seconds",
    type: "gauge",
    help: "Delay of the gateway's event loop since these were last read, median",
  },
  lagHigh: { name: "nodejs_eventloop_lag_p99_seconds", type: "gauge", help: "The same, 99th percentile" },
  lagMax: { name: "nodejs_eventloop_lag_max_seconds", type: "gauge", help: "The same, maximum" },
  started: {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "When the gateway's process started, in Unix seconds",
  },
} as const satisfies Readonly<Record<string, Family>>;

/** All metrics, in the order in which they are shown. */
export const FAMILIES: readonly Family[] = [SLUICE, GEN_AI, VLLM, PROCESS].flatMap((group) => Object.values(group));
