/** What is told of requests, in the API's words: for its routes, its description and the pages. Times are in ms. */

import type { Priority } from "../../generation/terms.ts";

/** How the work for a request stands. */
export const REQUEST_STATES = ["waiting", "running", "done", "left", "failed"] as const;

export type RequestState = (typeof REQUEST_STATES)[number];

/** The parts of a request's life. In `aside` it lets others run; `first_token` and `answer` are another server's; in `send` the client reads what was written before. */
export const SPANS = ["load", "queue", "aside", "prefill", "decode", "first_token", "answer", "send"] as const;

/** What a request's time may be spent for. */
export const CAUSES = [
  "queue",
  "load",
  "aside",
  "restart",
  "retry",
  "failover",
  "prefill",
  "decode",
  "shared_decode",
  "upstream",
  "client",
] as const;

/** The parts of a prompt. */
export const ROLES = ["tools", "text", "system", "user", "assistant", "tool"] as const;

/** What the prefix doctor may find. */
export const FINDINGS = ["unknown", "reused", "new", "differs", "not_held"] as const;

export type RequestSummary = {
  readonly id: string;
  readonly object: "request";
  readonly created_ms: number;
  readonly state: RequestState;
  readonly path: string | null;
  readonly status: number | null;
  readonly error: string | null;
  readonly model: string | null;
  readonly route: string | null;
  readonly class: Priority | null;
  readonly key: { readonly id: string; readonly name: string } | null;
  readonly preset: string | null;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly completion_tokens: number;
  readonly cache: string | null;
  readonly queue_ms: number | null;
  readonly first_token_ms: number | null;
  readonly duration_ms: number;
  readonly cost: number | null;
  readonly why: string;
  readonly prefix_lost_ms: number | null;
};

export type RequestSpan = {
  readonly type: (typeof SPANS)[number];
  readonly start_ms: number;
  readonly end_ms: number;
  readonly choice: number | null;
};

export type PrefixFinding = {
  readonly type: (typeof FINDINGS)[number];
  readonly sentence: string;
  readonly earlier: string | null;
  readonly tokens: number | null;
  readonly ms: number | null;
  readonly place: { readonly role: (typeof ROLES)[number]; readonly index: number; readonly line: number } | null;
};

export type RequestDetail = RequestSummary & {
  readonly operation: "chat" | "text_completion" | "embeddings" | null;
  readonly choices: number;
  readonly max_tokens: number | null;
  readonly reasoning_tokens: number;
  readonly energy_joules: number | null;
  readonly spans: readonly RequestSpan[];
  readonly position: number | null;
  readonly tries: readonly { readonly target: string; readonly at_ms: number }[];
  readonly targets: readonly { readonly target: string; readonly outcome: string; readonly reason: string | null }[];
  readonly retries: readonly { readonly upstream: string; readonly status: number | null; readonly pause_ms: number }[];
  readonly steps: {
    readonly at_ms: readonly number[];
    readonly stride: number;
    readonly pieces: number;
    readonly longest_ms: number;
    readonly longest_at_ms: number;
  } | null;
  readonly reasons: readonly {
    readonly cause: (typeof CAUSES)[number];
    readonly ms: number;
    readonly sentence: string;
  }[];
  readonly prefix: PrefixFinding | null;
};
