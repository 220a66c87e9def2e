import type { Backend, BackendState } from "../../generation/backend.ts";
import type { EmbeddingRequest } from "../../generation/embedding.ts";
import { type Backends, followStates } from "../../generation/follow-states.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { Follow } from "../../generation/watch.ts";
import { awayMs, createModelLoad, type ModelLoad, noteState } from "./load.ts";
import type { PrefixDoctor, WasAway } from "./prefix/doctor.ts";
import { type Books, RequestRecord } from "./record.ts";

/** An answer over HTTP, when it was sent. */
type BookedAnswer = {
  readonly method: string;
  /** Of its route; undefined if it has none. */
  readonly path: string | undefined;
  readonly model: string | undefined;
  readonly status: number;
  readonly error: string | undefined;
  /** What the client was told of the limit because of which it was refused. */
  readonly refusal?: string | undefined;
  readonly keyId: string | undefined;
  readonly keyName: string | undefined;
  readonly preset: string | undefined;
};

/** The last requests, in memory. */
export type RequestBook = {
  readonly follow: Follow;
  /** @param durationMs since the request came */
  readonly answered: (answer: BookedAnswer, requestId: string, durationMs: number) => void;
  /** The latest first. */
  readonly list: () => readonly RequestRecord[];
  readonly find: (id: string) => RequestRecord | undefined;
  readonly close: () => void;
};

export type RequestBookOptions = {
  readonly models: Backends<Pick<Backend, "id" | "state" | "upstream" | "onStateChange">>;
  /** How many requests are kept. */
  readonly limit: number;
  /** What all of them may take, in bytes, estimated; 16 MiB if absent. */
  readonly maxBytes?: number;
  /** Makes what examines prompts; they aren't examined if absent. */
  readonly openDoctor?: (wasAway: WasAway) => Pick<PrefixDoctor, "examine">;
  /** A monotonic clock in ms. */
  readonly now?: () => number;
};

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_MODELS = 1_000;
/** What one record takes without its steps, stages and tries. */
const RECORD_BYTES = 1_024;
const UNAUTHORIZED = 401;
/** How far the clock that a duration was measured with may be off. */
const CLOCK_MS = 5;

export function createRequestBook(options: RequestBookOptions): RequestBook {
  const { models, limit, maxBytes = MAX_BYTES, openDoctor, now = () => performance.now() } = options;
  // A ring: of a map in which each request replaces an older one V8 would keep dead tables (see `http/traffic.ts`).
  const ring: (RequestRecord | undefined)[] = Array.from({ length: limit });
  let next = 0;
  let bytes = 0;
  const loads = new Map<string, ModelLoad>();
  const stop = followStates(models, ({ id, upstream, state }) => {
    // What another server loads is its own affair.
    if (upstream !== undefined) return undefined;
    const note = (changed: BackendState) => noteState(loadOf(id), changed, now());
    note(state());
    return note;
  });
  const doctor = openDoctor?.((model, fromMs, untilMs) => {
    const load = loads.get(model);
    return load !== undefined && awayMs(load, "load", fromMs, untilMs) + awayMs(load, "restart", fromMs, untilMs) > 0;
  });
  const books: Books = { loadOf, ended };

  function loadOf(model: string): ModelLoad {
    const known = loads.get(model);
    if (known !== undefined) return known;
    const made = createModelLoad();
    if (loads.size < MAX_MODELS) loads.set(model, made);
    return made;
  }

  function add(record: RequestRecord): void {
    const dropped = ring[next];
    if (dropped !== undefined) drop(dropped);
    ring[next] = record;
    next = (next + 1) % limit;
  }

  function drop(record: RequestRecord): void {
    bytes -= sizeOf(record);
    record.isDropped = true;
  }

  /** The records from the latest on. */
  function* latest(): Generator<RequestRecord> {
    for (let back = 1; back <= limit; back++) {
      const record = ring[(next - back + limit) % limit];
      if (record !== undefined) yield record;
    }
  }

  function ended(record: RequestRecord, request: GenerationRequest | EmbeddingRequest): void {
    if (!record.isDropped) bytes += sizeOf(record);
    for (let at = next; bytes > maxBytes && at < next + limit; at++) {
      const oldest = ring[at % limit];
      if (oldest?.endMs === undefined) continue;
      ring[at % limit] = undefined;
      drop(oldest);
    }
    if (doctor !== undefined) examine(record, request, doctor, loads);
  }

  function follow(request: GenerationRequest | EmbeddingRequest, startedMs: number): RequestRecord {
    const record = new RequestRecord(request.id, startedMs, request, books);
    add(record);
    return record;
  }

  return {
    follow,
    answered(answer, requestId, durationMs) {
      const { method, path, model, status, error, refusal, keyId, keyName, preset } = answer;
      if (path === undefined || path.startsWith("/admin/")) return;
      const sentMs = now();
      const arrivedMs = sentMs - durationMs;
      const facts = {
        ...{ path, status, error, refusal, preset, durationMs, sentMs },
        key: keyId === undefined ? undefined : { id: keyId, name: keyName ?? keyId },
      };
      let isKnown = false;
      for (const record of latest()) {
        if (record.id === requestId) {
          record.answer = facts;
          isKnown = true;
          // With thousands of stored answers a second each look counts, and these are one work each.
          if (record.isReplay) break;
        } else if (record.operation !== undefined && record.startedMs < arrivedMs - CLOCK_MS) {
          break;
        }
      }
      const isRefused = method === "POST" && status >= 400 && status !== UNAUTHORIZED;
      if (isKnown || !isRefused) return;
      const record = new RequestRecord(requestId, arrivedMs, undefined, undefined);
      Object.assign(record, { model, state: "failed", error, refusal, endMs: sentMs, answer: facts });
      add(record);
      bytes += sizeOf(record);
    },
    list: () => [...latest()],
    find(id) {
      for (const record of latest()) if (record.id === id) return record;
      return undefined;
    },
    close: stop,
  };
}

/** Only once it has ended, and then the same each time. */
function sizeOf(record: RequestRecord): number {
  if (record.endMs === undefined) return 0;
  const { steps, stages, retries, route } = record;
  return (
    RECORD_BYTES + 8 * (steps?.at.length ?? 0) + 160 * (stages.length + retries.length + (route?.steps.length ?? 0))
  );
}

function examine(
  record: RequestRecord,
  request: GenerationRequest | EmbeddingRequest,
  doctor: Pick<PrefixDoctor, "examine">,
  loads: ReadonlyMap<string, ModelLoad>,
): void {
  const { model, stages, isReplay, promptTokens, cachedTokens, session, tenant, startedMs, turns } = record;
  const [stage] = stages;
  if (!("prompt" in request) || request.verbatim !== undefined || isReplay) return;
  if (model === undefined || promptTokens === 0 || stage === undefined) {
    record.prefix = { type: "unknown", reason: "not_evaluated" };
    return;
  }
  const { prefillMs, prefillTokens, decodeMs, endMs } = stage;
  const pace = prefillTokens > 0 ? prefillMs / prefillTokens : 0;
  const firstMs = endMs - decodeMs;
  doctor.examine(
    {
      ...{ id: record.id, model, session, preset: request.cache?.preset, tenant, promptTokens, cachedTokens, turns },
      ...{ prompt: request.prompt, tools: request.tools?.tools ?? [] },
      // The last token of a prompt is always evaluated, and a few tokens' time is no pace.
      msPerToken: loads.get(model)?.prefillMsPerToken ?? pace,
      times: { turnMs: record.wait?.untilMs ?? startedMs, firstMs, endMs },
    },
    (report) => {
      record.prefix = report;
    },
  );
}
