import type { CacheNews } from "../generation/cache.ts";
import type { DroppedKeyword } from "../grammar/schema/tolerance.ts";
import type { Key } from "../keys/key.ts";
import type { LimitView, Meter } from "../keys/meter.ts";
import type { CacheOutcome } from "./cache-news.ts";
import type { RequestFacts } from "./context.ts";
import { ANTHROPIC_ERRORS, type ErrorForm } from "./error-form.ts";
import { formatRoute, ROUTE_HEADER } from "./route-header.ts";
import type { Wait } from "./wait.ts";

export const REQUEST_ID_HEADER = "x-request-id";
export const ANTHROPIC_REQUEST_ID_HEADER = "request-id";
export const VERSION_HEADER = "openai-version";
export const PROCESSING_MS_HEADER = "openai-processing-ms";
export const QUEUE_MS_HEADER = "sluice-queue-ms";
export const QUEUE_POSITION_HEADER = "sluice-queue-position";
export const CACHE_STATUS_HEADER = "cache-status";
export const AGE_HEADER = "age";
export const TOOLS_DROPPED_HEADER = "sluice-tools-dropped";
export const SCHEMA_DROPPED_HEADER = "sluice-schema-dropped";

/** The version of OpenAI's API, in its own header; it never changed. */
const API_VERSION = "2020-10-01";

/** The longest value of a header that names what clients have chosen the names of. */
const MAX_LENGTH = 1_024;

const NO_WAIT = { ms: 0, position: 0 };
const LIMITED = ["requests", "tokens"] as const;

/** What the headers of an answer report. */
export type Answered = {
  readonly requestId: string;
  readonly status: number;
  /** From the request's arrival until its headers are ready; of a stream, until the first event. */
  readonly processingMs: number;
  readonly facts: Pick<RequestFacts, "droppedTools" | "droppedKeywords" | "route"> & {
    readonly wait?: Pick<Wait, "known">;
    readonly cache?: Pick<CacheOutcome, "known">;
  };
  readonly errorForm?: ErrorForm | undefined;
  /** The key that was accepted, and what holds it to its limits. */
  readonly key?: Key | undefined;
  readonly meter?: Pick<Meter, "view"> | undefined;
  /** The headers for a web page of another origin (`cors.ts`). */
  readonly cors?: Readonly<Record<string, string>> | undefined;
};

/**
 * The headers that every answer has besides those of its body, by their names in lower case: whole answers, streams and errors alike, whichever
 * way they are sent.
 */
export function answerHeaders(answered: Answered): Record<string, string> {
  const { requestId, status, processingMs, facts, errorForm, key, meter, cors } = answered;
  const headers: Record<string, string> = {
    [REQUEST_ID_HEADER]: requestId,
    [VERSION_HEADER]: API_VERSION,
    [PROCESSING_MS_HEADER]: String(Math.max(0, Math.round(processingMs))),
  };
  const isAnthropic = errorForm === ANTHROPIC_ERRORS;
  if (isAnthropic) headers[ANTHROPIC_REQUEST_ID_HEADER] = requestId;
  addWait(headers, facts.wait, status);
  addCache(headers, facts.cache?.known(), status);
  if (facts.route !== undefined) headers[ROUTE_HEADER] = formatRoute(facts.route);
  const { droppedTools = [], droppedKeywords = [] } = facts;
  if (droppedTools.length > 0) headers[TOOLS_DROPPED_HEADER] = formatTools(droppedTools);
  if (droppedKeywords.length > 0) headers[SCHEMA_DROPPED_HEADER] = formatDropped(droppedKeywords);
  if (key !== undefined && meter !== undefined) {
    for (const kind of LIMITED) addLimit(headers, kind, meter.view(key, kind), isAnthropic);
  }
  return cors === undefined ? headers : Object.assign(headers, cors);
}

/**
 * How long the request waited for its turn, and its position when it began to wait; of a stream, what is known when its head is sent. A
 * refusal has these only if the request had begun to wait.
 */
function addWait(headers: Record<string, string>, wait: Pick<Wait, "known"> | undefined, status: number): void {
  if (wait === undefined) return;
  const known = wait.known() ?? (status < 400 ? NO_WAIT : undefined);
  if (known === undefined) return;
  headers[QUEUE_MS_HEADER] = String(known.ms);
  headers[QUEUE_POSITION_HEADER] = String(known.position);
}

/** What the response cache did with the request, and how old the answer is. */
function addCache(headers: Record<string, string>, news: CacheNews | undefined, status: number): void {
  if (news === undefined) return;
  headers[CACHE_STATUS_HEADER] = formatCacheStatus(news, status < 400);
  if (news.type === "hit") headers[AGE_HEADER] = String(Math.floor(news.ageSeconds));
}

/** In the words of RFC 9211, such as `sluice; hit; ttl=3600`, or `sluice; fwd=miss; stored`. @param isAnswer false for a failure, which is never stored */
export function formatCacheStatus(news: CacheNews, isAnswer = true): string {
  switch (news.type) {
    case "hit": {
      const { ttlSeconds, detail } = news;
      return `sluice; hit; ttl=${Math.floor(ttlSeconds)}${detail === undefined ? "" : `; detail=${detail}`}`;
    }
    case "forward": {
      const { reason, stored, collapsed } = news;
      return `sluice; fwd=${reason}${stored && isAnswer ? "; stored" : ""}${collapsed ? "; collapsed" : ""}`;
    }
    case "none":
      return "sluice; detail=only-if-cached";
  }
}

/**
 * How much is left of a limit of the key, in OpenAI's headers, or in Anthropic's for its clients. A stream's headers describe its beginning,
 * when what it may need is reserved.
 */
function addLimit(
  headers: Record<string, string>,
  kind: (typeof LIMITED)[number],
  view: LimitView | undefined,
  isAnthropic: boolean,
): void {
  if (view === undefined) return;
  const { limit, remaining, resetMs } = view;
  const name = (part: string) => (isAnthropic ? `anthropic-ratelimit-${kind}-${part}` : `x-ratelimit-${part}-${kind}`);
  headers[name("limit")] = String(limit);
  headers[name("remaining")] = String(remaining);
  headers[name("reset")] = isAnthropic ? new Date(Date.now() + resetMs).toISOString() : formatReset(resetMs);
}

/** A time as OpenAI writes it, which is Go's form: `120ms`, `8.64s`, `6m0s`, `23h59m1s`. */
export function formatReset(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  // Whole seconds beyond a minute: nobody waits by the millisecond then.
  const seconds = ms < 60_000 ? Math.ceil(ms / 10) / 100 : Math.ceil(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(2))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

/** The tools of a request that the model is not told of. */
function formatTools(names: readonly string[]): string {
  const shown = names.map((name) => name.replace(/[^\x21-\x7e]|,/g, "_"));
  return shown.join(", ").slice(0, MAX_LENGTH);
}

/**
 * The keywords of a request's schemas that its answer is not held to, such as
 * `response_format.json_schema.schema.properties.tags.uniqueItems`, with commas between; those without room are counted.
 */
export function formatDropped(dropped: readonly DroppedKeyword[]): string {
  const places = dropped.map(({ path, keyword }) => encode(keyword === "schema" ? path : `${path}.${keyword}`));
  let text = "";
  for (const [index, place] of places.entries()) {
    const longer = index === 0 ? place : `${text}, ${place}`;
    if (longer.length > MAX_LENGTH) {
      const left = `${places.length - index} more`;
      return text === "" ? left : `${text}, ${left}`;
    }
    text = longer;
  }
  return text;
}

/** In visible ASCII, which is all that headers hold, without the commas that stand between. */
function encode(place: string): string {
  return place.toWellFormed().replace(/[^\x21-\x7e]|,/gu, encodeURIComponent);
}
