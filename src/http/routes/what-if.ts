import type { Handler } from "hono";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { Answer, Result } from "../../what-if/answer.ts";
import type { LoggedRequest, Setting } from "../../what-if/log.ts";
import type { WhatIf, WhatIfPercentiles, WhatIfResult, WhatIfSetting } from "../../what-if/wire.ts";
import type { HttpEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { whatIfSchema } from "../openapi/operations/what-if.ts";

/** Another setting for a model's queue. What is absent stays as it is. */
type WhatIfChanges = Partial<Setting> & { readonly model?: string };

type WhatIfAnswer =
  | { readonly type: "unknown_model" }
  | { readonly type: "upstream"; readonly model: string }
  | {
      readonly type: "answered";
      readonly model: string;
      readonly log: readonly LoggedRequest[];
      readonly today: Setting;
      readonly changed: Setting;
      /** Undefined without requests. */
      readonly answer: Answer | undefined;
    };

export type AskWhatIf = (changes: WhatIfChanges, signal: AbortSignal) => Promise<WhatIfAnswer>;

/** Fewer requests say nothing. */
const LEAST_REQUESTS = 10;

/** `POST /admin/what-if`: how the last requests would have been served by another setting. */
export function askWhatIf(ask: AskWhatIf | undefined): Handler<HttpEnv> {
  return async (c) => {
    const wire = parseWire(whatIfSchema, await readJson(c));
    if (ask === undefined) {
      const message = "No requests are kept to learn from. Set `recentRequests` to more than 0.";
      throw new InvalidRequestError(message, null, "not_kept");
    }
    const found = await ask(changesOf(wire), c.req.raw.signal);
    if (found.type === "unknown_model") {
      throw new InvalidRequestError(
        "model: there is no such model here. `GET /v1/models` lists them.",
        "model",
        "model_not_found",
      );
    }
    if (found.type === "upstream") {
      const message = `model: ${found.model} is answered by another server, whose queue is not known here. Give a model of this machine.`;
      throw new InvalidRequestError(message, "model", "model_not_local");
    }
    const { model, log, today, changed, answer } = found;
    if (log.length < LEAST_REQUESTS || answer === undefined) {
      const message = `${log.length} of the last requests were answered by ${model}; at least ${LEAST_REQUESTS} are needed. Send some, and ask again.`;
      throw new InvalidRequestError(message, null, "too_few_requests");
    }
    return c.json<WhatIf>({
      object: "what_if",
      model,
      requests: log.length,
      span_ms: Math.round((log.at(-1)?.atMs ?? 0) - (log[0]?.atMs ?? 0)),
      pace: {
        prefill_ms_per_token: round(answer.pace.prefillMs),
        step_ms: round(answer.pace.stepMs),
        further_ms: round(answer.pace.furtherMs),
        overhead_ms: round(answer.pace.overheadMs),
      },
      settings: { today: encodeSetting(today), changed: encodeSetting(changed) },
      measured: encodeResult(answer.measured),
      today: encodeResult(answer.today),
      errors: { p50: answer.errors.p50 ?? null, p95: answer.errors.p95 ?? null },
      changed: encodeResult(answer.changed),
    });
  };
}

function changesOf(wire: ReturnType<typeof whatIfSchema.parse>): WhatIfChanges {
  const { model, slots, replicas, spill, max_pending: maxPending, max_wait_ms: maxWaitMs, traffic } = wire;
  return {
    ...(model !== undefined && { model }),
    ...(slots !== undefined && { slots }),
    ...(replicas !== undefined && { replicas }),
    ...(maxPending !== undefined && { maxPending }),
    ...(maxWaitMs !== undefined && { maxWaitMs }),
    ...(traffic !== undefined && { traffic }),
    ...(spill !== undefined &&
      spill !== null && {
        spill: {
          ...{ afterMs: spill.after_ms, firstTokenMs: spill.first_token_ms ?? 1_000 },
          ...{ promptPrice: spill.prompt_price ?? 0, completionPrice: spill.completion_price ?? 0 },
        },
      }),
  };
}

function encodeSetting({ slots, replicas, maxPending, maxWaitMs, traffic, spill }: Setting): WhatIfSetting {
  return {
    ...{ slots, replicas, max_pending: maxPending, max_wait_ms: maxWaitMs, traffic },
    spill:
      spill === undefined
        ? null
        : {
            ...{ after_ms: spill.afterMs, first_token_ms: spill.firstTokenMs },
            ...{ prompt_price: spill.promptPrice, completion_price: spill.completionPrice },
          },
  };
}

function encodeResult({ p50Ms, p95Ms, classes, answered, spilled, refused, cost }: Result): WhatIfResult {
  return {
    ...encodePercentiles({ p50Ms, p95Ms }),
    ...{ answered, spilled, refused, cost: cost ?? null },
    classes: classes.map((each) => ({ class: each.class, requests: each.requests, ...encodePercentiles(each) })),
  };
}

function encodePercentiles({ p50Ms, p95Ms }: Pick<Result, "p50Ms" | "p95Ms">): WhatIfPercentiles {
  return {
    p50_ms: p50Ms === undefined ? null : Math.round(p50Ms),
    p95_ms: p95Ms === undefined ? null : Math.round(p95Ms),
  };
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
