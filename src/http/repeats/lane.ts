import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Repeats } from "../../cache/repeats.ts";
import type { CacheNews } from "../../generation/cache.ts";
import type { Generate } from "../../generation/layer.ts";
import type { Access } from "../../keys/access.ts";
import type { Key } from "../../keys/key.ts";
import type { PresetLibrary } from "../../prompts/library.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import { answerHeaders } from "../answer-headers.ts";
import { takeTurn } from "../loop-turns.ts";
import { type NoteAnswer, prepareLines } from "../middleware/access-log.ts";
import { bearerOf } from "../middleware/authenticate.ts";
import { newRequestId } from "../middleware/pass.ts";
import { readTrace } from "../trace.ts";
import { createBuffers } from "./buffers.ts";
import { nominate } from "./candidates.ts";
import { digestOf } from "./digest.ts";
import { type Form, makeForm, memoryOf, type Shown } from "./form.ts";
import { fillTemplate } from "./template.ts";

export type LaneDeps = {
  readonly repeats: Repeats<Kept>;
  /** Runs a request through all layers. */
  readonly generate: Generate;
  readonly access: Access | undefined;
  readonly models: Pick<ModelDirectory, "list">;
  readonly presets: Pick<PresetLibrary, "edition">;
  readonly settings: { readonly maxBodyBytes: number };
  readonly logger: Logger;
  readonly noteAnswer?: NoteAnswer | undefined;
  /** The time in Unix ms; `Date.now` if absent. */
  readonly now?: () => number;
};

/** An answer to be sent again, and the state of the gateway that it depends on. */
export type Kept = Form & {
  readonly models: object;
  readonly presets: object;
  /** Writes the log's line of a request that gets it. */
  readonly log: ReturnType<typeof prepareLines>;
};

/** A request whose body is here. */
type Call = {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: Buffer;
  readonly digest: string;
  /** The key that was shown; undefined where none is needed. */
  readonly key: Key | undefined;
};

/** The routes whose answers come again. */
const PATHS: ReadonlySet<string | undefined> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/messages",
  "/v1/responses",
]);

/** Longer bodies are rarely sent twice. */
const MAX_ASKED_BYTES = 64 * 1024;
/** Longer answers are sent piece by piece, as the client takes them. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** Node sends a head and a short text in one piece, but a head and bytes in two, which takes a tenth of all time. */
const MAX_TEXT_BYTES = 8 * 1024;
/** Enough for some dozen answers on their way at a time. */
const MAX_UNUSED_BYTES = 2 * 1024 * 1024;

/** A signal that nobody aborts: an answer that is at hand is not waited for. */
const NEVER = new AbortController().signal;
const HIT = { type: "hit", ageSeconds: 0, ttlSeconds: 0 } as const;
const NO_WAIT = { known: () => undefined };

/**
 * Stands in front of the app. A request that is byte for byte one that the cache has answered gets the same answer, with another id and time,
 * without being parsed. All others go to the app, and so does a repeated request for which anything has changed.
 */
export function standInFront(deps: LaneDeps, app: RequestListener): RequestListener {
  const { repeats, generate, access, models, presets, settings, logger, noteAnswer, now = Date.now } = deps;
  const buffers = createBuffers(MAX_UNUSED_BYTES);
  const maxAskedBytes = Math.min(MAX_ASKED_BYTES, settings.maxBodyBytes);

  /** Lets the app answer, and keeps its answer if that may come again. */
  function pass({ incoming, outgoing, digest, body }: Call): void {
    Object.assign(incoming, { rawBody: body });
    const state = { models: models.list(), presets: presets.edition() };
    nominate(incoming, {
      ...{ outgoing, maxBytes: MAX_ANSWER_BYTES },
      keep: (shown) => keep(digest, incoming, body, shown, state),
    });
    app(incoming, outgoing);
  }

  /** Lets the app tell of a failure. */
  function passFailure({ incoming, outgoing, body }: Call, error: unknown): void {
    Object.assign(incoming, { rawBody: body });
    nominate(incoming, { outgoing, failure: { error }, maxBytes: 0, keep: () => {} });
    app(incoming, outgoing);
  }

  function keep(
    digest: string,
    { url: path = "" }: IncomingMessage,
    body: Buffer,
    shown: Shown,
    state: Pick<Kept, "models" | "presets">,
  ): void {
    const form = makeForm(shown, body);
    if (form === undefined) return;
    const { key, identity, answer, request } = shown.served;
    const served = { key, identity, answer };
    const { cache: wish = {} } = form.request;
    const log = prepareLines(logger, noteAnswer, {
      ...{ method: "POST", path, status: 200, tokens: form.tokens, cache: HIT, queueMs: undefined },
      facts: form.key === undefined ? form.facts : { ...form.facts, key: form.key },
    });
    const kept = { ...form, ...state, log };
    repeats.keep(digest, { served, model: request.model, wish, form: kept }, memoryOf(form));
  }

  function isCurrent(form: Kept, key: Key | undefined): boolean {
    return (
      form.key === key &&
      form.models === models.list() &&
      form.presets === presets.edition() &&
      form.contextTokens === form.model.details().contextTokens
    );
  }

  async function answer(call: Call): Promise<void> {
    const { incoming, outgoing, key } = call;
    const found = repeats.find(call.digest);
    if (found === undefined || !isCurrent(found.form, key) || outgoing.destroyed) return pass(call);
    const startedMs = now();
    const { form, ageSeconds, ttlSeconds } = found;
    const requestId = newRequestId();
    const news = { ...HIT, ageSeconds, ttlSeconds };
    const repeat = { tokens: form.estimatedTokens, ageSeconds, ttlSeconds };
    const headersNow = () => fillHeaders(form, key, requestId, news, startedMs);
    const events = generate({ ...form.request, id: requestId, signal: NEVER, repeat })[Symbol.asyncIterator]();
    let headers: string[] | undefined;
    try {
      let next = await events.next();
      // The headers of a stream are sent before its tokens are counted.
      if (form.isChunked) headers = headersNow();
      while (next.done !== true) next = await events.next();
    } catch (error) {
      return passFailure(call, error);
    }
    outgoing.writeHead(200, headers ?? headersNow());
    send(outgoing, form, startedMs);
    // Not in a later turn: the bytes have left, and immediates for lines and for turns together chain dead requests until V8's next full collection.
    const header = (name: string) => headerOf(incoming, name);
    form.log({ requestId, header, clientTrace: () => readTrace(header), ms: now() - startedMs });
  }

  function send(outgoing: ServerResponse, { template }: Form, nowMs: number): void {
    const { length } = template.bytes;
    const buffer = buffers.take(length);
    fillTemplate(template, nowMs, buffer);
    if (length > MAX_TEXT_BYTES) {
      // The callback comes when the system has the bytes. If the connection ends before, the buffer is left to the garbage collector.
      outgoing.end(buffer.subarray(0, length), () => buffers.giveBack(buffer));
      return;
    }
    outgoing.end(buffer.toString("latin1", 0, length), "latin1");
    buffers.giveBack(buffer);
  }

  function fillHeaders(
    form: Kept,
    key: Key | undefined,
    requestId: string,
    news: CacheNews,
    startedMs: number,
  ): string[] {
    const fresh = answerHeaders({
      requestId,
      status: 200,
      processingMs: now() - startedMs,
      facts: { ...form.facts, wait: NO_WAIT, cache: { known: () => news } },
      errorForm: form.errorForm,
      key,
      meter: key && access?.meter,
    });
    const headers: string[] = [];
    for (const [name, value] of form.headers) headers.push(name, fresh[name] ?? value);
    return headers;
  }

  /** Whom the request is from; "refused" if the app has something to say about that. */
  function admit(incoming: IncomingMessage): { readonly key: Key | undefined } | "refused" {
    try {
      if (access?.keys.isOn() !== true) return { key: undefined };
      const secret = secretOf(incoming);
      const verdict = secret === undefined ? undefined : access.keys.check(secret);
      return verdict?.type === "known" ? { key: verdict.key } : "refused";
    } catch {
      // The app meets the same error, and reports it.
      return "refused";
    }
  }

  return (incoming, outgoing) => {
    const admitted = mayComeAgain(incoming, maxAskedBytes) ? admit(incoming) : "refused";
    if (admitted === "refused") return app(incoming, outgoing);
    readBody(
      incoming,
      (body) => {
        const call = { incoming, outgoing, body, digest: digestOf(incoming, body), key: admitted.key };
        if (repeats.has(call.digest)) void takeTurn().then(() => answer(call));
        else pass(call);
      },
      () => app(incoming, outgoing),
    );
  };
}

/** Requests with these are the app's. */
const NOT_HERE = ["origin", "expect", "transfer-encoding", "content-encoding", "endpoint-load-metrics-format"] as const;

function mayComeAgain({ method, url, headers }: IncomingMessage, maxBytes: number): boolean {
  return (
    method === "POST" &&
    PATHS.has(url) &&
    Number(headers["content-length"] ?? Number.NaN) <= maxBytes &&
    headers["content-type"]?.startsWith("application/json") === true &&
    NOT_HERE.every((name) => headers[name] === undefined)
  );
}

/** Undefined unless there is exactly one. */
function secretOf({ headers }: IncomingMessage): string | undefined {
  const bearer = bearerOf(headers.authorization);
  const shown = headers["x-api-key"];
  if (typeof shown === "string") return headers.authorization === undefined ? shown : undefined;
  return bearer;
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Reads the whole body. `onBroken` is called instead if its end doesn't come. */
function readBody(incoming: IncomingMessage, onBody: (body: Buffer) => void, onBroken: () => void): void {
  const chunks: Buffer[] = [];
  let isOver = false;
  incoming.on("data", (chunk: Buffer) => void chunks.push(chunk));
  incoming.on("end", () => {
    isOver = true;
    const [first] = chunks;
    onBody(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks));
  });
  incoming.on("close", () => {
    if (!isOver) onBroken();
  });
}
