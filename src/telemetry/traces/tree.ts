import type { TraceContext } from "../../generation/trace.ts";
import { NAMES, OWN_PROVIDER } from "./names.ts";
import type { Work } from "./record.ts";

/** A request that was answered, or refused. Times are by a monotonic clock in ms. */
export type Answer = {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  /** The path of its route, such as `/v1/models/{id}`; undefined if it has none. */
  readonly route: string | undefined;
  readonly status: number;
  readonly error: string | undefined;
  readonly keyId: string | undefined;
  readonly preset: string | undefined;
  readonly startedMs: number;
  readonly endMs: number;
};

/** A span that is to be told. */
export type SpanPlan = {
  readonly name: string;
  readonly kind: "server" | "client" | "internal";
  /** Its id, if others were told of it before; a new one if absent. */
  readonly spanId?: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** A failure's code. */
  readonly error?: string | undefined;
  readonly children: readonly SpanPlan[];
};

/** From this wait on a request is said to have waited. */
const LEAST_WAIT_MS = 1;

/** The span of an answer to a client. A client's fault is no error of the server, as the convention has it. */
export function spanOfAnswer(answer: Answer): SpanPlan {
  const { method, path, route, status, error, keyId, preset, requestId, startedMs, endMs } = answer;
  return {
    name: `${method} ${route ?? ""}`.trimEnd(),
    kind: "server",
    ...{ startMs: startedMs, endMs },
    attributes: known({
      [NAMES.method]: method,
      [NAMES.path]: path,
      [NAMES.route]: route,
      [NAMES.status]: status,
      [NAMES.error]: error,
      [NAMES.requestId]: requestId,
      [NAMES.keyId]: keyId,
      [NAMES.preset]: preset,
    }),
    error: status >= 500 ? (error ?? String(status)) : undefined,
    children: [],
  };
}

/**
 * The span of the work for a request, with those of its wait and of each choice's prefill and decode.
 *
 * @param provider the kind of the server that answered; undefined for this machine
 */
export function spanOfWork(work: Work, provider: string | undefined): SpanPlan {
  const { operation, model, startedMs, endMs, firstMs, tokens, reasons, route, content, error } = work;
  return {
    name: `${operation} ${model}`,
    kind: provider === undefined ? "internal" : "client",
    ...{ startMs: startedMs, endMs, error },
    attributes: known({
      [NAMES.operation]: operation,
      [NAMES.provider]: provider ?? OWN_PROVIDER,
      [NAMES.model]: model,
      [NAMES.choices]: work.choices === 1 ? undefined : work.choices,
      [NAMES.maxTokens]: work.maxTokens,
      [NAMES.reasons]: reasons.length === 0 ? undefined : reasons,
      [NAMES.firstChunk]: firstMs === undefined ? undefined : (firstMs - startedMs) / 1_000,
      [NAMES.inputTokens]: tokens.prompt,
      [NAMES.cachedTokens]: tokens.cached,
      [NAMES.outputTokens]: tokens.completion,
      [NAMES.reasoningTokens]: tokens.reasoning === 0 ? undefined : tokens.reasoning,
      [NAMES.error]: error,
      [NAMES.class]: work.class,
      [NAMES.cache]: work.cache,
      [NAMES.gatewayRoute]: route?.route,
      [NAMES.tries]: route?.steps
        .filter(({ outcome }) => outcome !== "spare")
        .map(({ target, outcome, reason }) => [target, outcome, reason].filter((word) => word !== undefined).join(" ")),
      [NAMES.input]: content?.input,
      [NAMES.output]:
        content && JSON.stringify([{ role: "assistant", parts: [{ type: "text", content: content.output }] }]),
    }),
    children: [
      ...waitOf(work),
      ...work.tries.map((tried) => spanOfTry(tried, work)),
      ...work.evaluations.flatMap((evaluation) => stagesOf(evaluation, work)),
    ],
  };
}

function waitOf({ wait, startedMs }: Work): readonly SpanPlan[] {
  if (wait === undefined || wait.ms < LEAST_WAIT_MS) return [];
  const startMs = Math.max(startedMs, wait.untilMs - wait.ms);
  const attributes = { [NAMES.position]: wait.position };
  return [{ name: "queue", kind: "internal", startMs, endMs: wait.untilMs, attributes, children: [] }];
}

/** The span of a try at another server. One that was answered lasts as long as the work. */
function spanOfTry(tried: Work["tries"][number], { startedMs, endMs, error }: Work): SpanPlan {
  const { upstream, outcome, status, earlier, tookMs, spanId, atMs } = tried;
  const isAnswered = outcome === "answered";
  const failure = isAnswered ? error : status === undefined ? outcome : String(status);
  return {
    name: "POST",
    kind: "client",
    spanId,
    startMs: Math.max(startedMs, atMs - tookMs),
    endMs: isAnswered ? endMs : atMs,
    attributes: known({
      [NAMES.method]: "POST",
      [NAMES.status]: isAnswered ? 200 : undefined,
      [NAMES.resends]: earlier === 0 ? undefined : earlier,
      [NAMES.error]: failure,
      [NAMES.upstream]: upstream,
      [NAMES.outcome]: outcome,
    }),
    error: failure,
    children: [],
  };
}

/** A choice is decoded until its end, and its prompt is evaluated before that. */
function stagesOf(evaluation: Work["evaluations"][number], { startedMs }: Work): readonly SpanPlan[] {
  const { choice, endMs, prefillMs, prefillTokens, decodeMs, decodeTokens } = evaluation;
  const decodeFromMs = Math.max(startedMs, endMs - decodeMs);
  const prefillFromMs = Math.max(startedMs, decodeFromMs - prefillMs);
  const stage = (name: string, startMs: number, untilMs: number, count: number): SpanPlan => ({
    ...{ name, kind: "internal", startMs, endMs: untilMs, children: [] },
    attributes: { [NAMES.choice]: choice, [NAMES.tokens]: count },
  });
  return [
    stage("prefill", prefillFromMs, decodeFromMs, prefillTokens),
    stage("decode", decodeFromMs, endMs, decodeTokens),
  ];
}

/**
 * The place of a request in a trace: the client's trace if it has one, else its own. Its span's id is made of the request's, so that whoever
 * tells of a part of its work needs to know no more.
 */
export function contextOf(
  requestId: string,
  client: TraceContext | undefined,
  isSampled: (traceId: string, client: boolean | undefined) => boolean,
): TraceContext | undefined {
  if (!/^req_[0-9a-f]{32}$/.test(requestId)) return undefined;
  const digits = requestId.slice(4);
  const traceId = client?.traceId ?? digits;
  const isTold = isSampled(traceId, client?.isSampled);
  return { traceId, spanId: digits.slice(16), isSampled: isTold, state: client?.state, isTold };
}

type Attribute = SpanPlan["attributes"][string];

function known(attributes: Readonly<Record<string, Attribute | undefined>>): SpanPlan["attributes"] {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, Attribute] => entry[1] !== undefined),
  );
}
