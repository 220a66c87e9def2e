import type { Backend, BackendState } from "../../generation/backend.ts";
import type { EmbeddingRequest } from "../../generation/embedding.ts";
import { type Backends, followStates } from "../../generation/follow-states.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { Follow, FollowRepeat } from "../../generation/watch.ts";
import { awayMs, createModelLoad, type ModelLoad, noteState } from "./load.ts";
import type { PrefixDoctor, WasAway } from "./prefix/doctor.ts";
import { type AnswerFacts, type Books, RequestRecord } from "./record.ts";
import { type RepeatNote, recordOf } from "./repeat.ts";

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
  readonly followRepeat: FollowRepeat;
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

type Kept = RequestRecord | RepeatNote;

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
  const ring: (Kept | undefined)[] = Array.from({ length: limit });
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

  function add(kept: Kept): void {
    const dropped = ring[next];
    if (dropped !== undefined) drop(dropped);
    ring[next] = kept;
    next = (next + 1) % limit;
  }

  function drop(kept: Kept): void {
    bytes -= sizeOf(kept);
    if (kept instanceof RequestRecord) kept.isDropped = true;
  }

  /** What is kept, from the latest on. */
  function* latest(): Generator<Kept> {
    for (let back = 1; back <= limit; back++) {
      const kept = ring[(next - back + limit) % limit];
      if (kept !== undefined) yield kept;
    }
  }

  function makeRoom(): void {
    for (let at = next; bytes > maxBytes && at < next + limit; at++) {
      const oldest = ring[at % limit];
      if (oldest?.endMs === undefined) continue;
      ring[at % limit] = undefined;
      drop(oldest);
    }
  }

  function ended(record: RequestRecord, request: GenerationRequest | EmbeddingRequest): void {
    if (!record.isDropped) bytes += sizeOf(record);
    makeRoom();
    if (doctor !== undefined) examine(record, request, doctor, loads);
  }

  function follow(request: GenerationRequest | EmbeddingRequest, startedMs: number): RequestRecord {
    const record = new RequestRecord(request.id, startedMs, request, books);
    add(record);
    return record;
  }

  return {
    follow,
    followRepeat(request, startedMs, endMs) {
      add({ request, startedMs, endMs, answer: undefined });
      bytes += RECORD_BYTES;
      makeRoom();
    },
    answered(answer, requestId, durationMs) {
      const { method, path, model, status, error, refusal } = answer;
      if (path === undefined || path.startsWith("/admin/")) return;
      const sentMs = now();
      const arrivedMs = sentMs - durationMs;
      const facts = () => factsOf(answer, path, durationMs, sentMs);
      let isKnown = false;
      for (const kept of latest()) {
        if (!(kept instanceof RequestRecord)) {
          if (kept.request.id === requestId) {
            kept.answer = facts;
            return;
          }
          if (kept.startedMs < arrivedMs - CLOCK_MS) break;
          continue;
        }
        if (kept.id === requestId) {
          kept.answer = facts();
          isKnown = true;
          // With thousands of stored answers a second each look counts, and these are one work each.
          if (kept.isReplay) break;
        } else if (kept.operation !== undefined && kept.startedMs < arrivedMs - CLOCK_MS) {
          break;
        }
      }
      const isRefused = method === "POST" && status >= 400 && status !== UNAUTHORIZED;
      if (isKnown || !isRefused) return;
      const record = new RequestRecord(requestId, arrivedMs, undefined, undefined);
      Object.assign(record, { model, state: "failed", error, refusal, endMs: sentMs, answer: facts() });
      add(record);
      bytes += sizeOf(record);
    },
    list: () => Array.from(latest(), toRecord),
    find(id) {
      for (const kept of latest())
        if ((kept instanceof RequestRecord ? kept : kept.request).id === id) return toRecord(kept);
      return undefined;
    },
    close: stop,
  };
}

function toRecord(kept: Kept): RequestRecord {
  return kept instanceof RequestRecord ? kept : recordOf(kept);
}

function factsOf(answer: BookedAnswer, path: string, durationMs: number, sentMs: number): AnswerFacts {
  const { status, error, refusal, keyId, keyName, preset } = answer;
  return {
    ...{ path, status, error, refusal, preset, durationMs, sentMs },
    key: keyId === undefined ? undefined : { id: keyId, name: keyName ?? keyId },
  };
}

/** Only once it has ended, and then the same each time. */
function sizeOf(record: Kept): number {
  if (record.endMs === undefined) return 0;
  if (!(record instanceof RequestRecord)) return RECORD_BYTES;
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
