import { setImmediate } from "node:timers";
import type { Context } from "hono";
import type { Logger } from "pino";
import type { CacheNews } from "../../generation/cache.ts";
import { type RouteNews, targetOf } from "../../generation/news.ts";
import type { TraceContext } from "../../generation/trace.ts";
import type { TokenCounts } from "../../protocols/tally.ts";
import type { HttpEnv, RequestFacts } from "../context.ts";
import { CLIENT_CLOSED_REQUEST } from "../errors.ts";

const MAX_PATH_LENGTH = 256;
const MAX_CLIENT_ID_LENGTH = 128;

/** The client's own id of the request. */
const CLIENT_ID_HEADER = "x-client-request-id";

/** What the line of a request reports. */
export type Logged = {
  readonly requestId: string;
  /** Reads a header of the request. */
  readonly header: (name: string) => string | undefined;
  /** The place in a trace that the client has named. */
  readonly clientTrace: () => TraceContext | undefined;
  /** Its own place in a trace, if that was decided at its arrival. */
  readonly trace?: TraceContext | undefined;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly facts: Pick<
    RequestFacts,
    "path" | "key" | "model" | "route" | "preset" | "error" | "refusal" | "clientGone"
  >;
  readonly tokens: TokenCounts | undefined;
  readonly cache: CacheNews | undefined;
  readonly queueMs: number | undefined;
};

/** An answer, for those who count or follow them. */
type Answered = {
  readonly method: string;
  /** As the client sent it, without its query. */
  readonly url: string;
  /** Of its route, such as `/v1/models/{id}`; undefined if it has none. */
  readonly path: string | undefined;
  readonly model: string | undefined;
  readonly route: string | undefined;
  readonly status: number;
  readonly error: string | undefined;
  /** What the client was told of the limit because of which it was refused. */
  readonly refusal: string | undefined;
  readonly keyId: string | undefined;
  readonly keyName: string | undefined;
  readonly preset: string | undefined;
};

/** Returns what hears of an answer like this one when its line is written, and of any number that are alike in all that is told here. */
export type NoteAnswer = (answered: Answered) => (own: Own) => void;

/**
 * Writes one line for a request when its answer was sent, which for a stream is at its end. It holds figures and names only: no headers, no
 * query, nothing of a prompt or an answer.
 */
export function logAnswer(
  c: Context<HttpEnv>,
  { logger, noteAnswer }: { readonly logger: Logger; readonly noteAnswer: NoteAnswer | undefined },
  startedMs: number,
  now: () => number,
): void {
  const facts = c.get("facts");
  const { status } = c.res;
  const write = () =>
    logLine(logger, noteAnswer, {
      requestId: c.get("requestId"),
      header: (name) => c.req.header(name),
      clientTrace: () => facts.clientTrace,
      trace: facts.trace,
      method: c.req.method,
      path: c.req.path,
      status: facts.clientGone === true && facts.bodySent === undefined ? CLIENT_CLOSED_REQUEST : status,
      ms: now() - startedMs,
      facts,
      tokens: facts.tokens?.(),
      cache: facts.cache?.known(),
      queueMs: facts.wait?.known()?.ms,
    });
  // On the loop's next turn, when the last bytes have left: writing the line takes as long as sending them.
  const writeLater = () => void setImmediate(write);
  if (facts.bodySent === undefined) {
    writeLater();
  } else {
    void facts.bodySent.then(writeLater);
  }
}

/** What each of several requests that are alike has of its own. */
export type Own = Pick<Logged, "requestId" | "header" | "clientTrace" | "trace" | "ms">;

function logLine(logger: Logger, noteAnswer: NoteAnswer | undefined, logged: Logged): void {
  noteAnswer?.(answerOf(logged))(logged);
  const { requestId, clientRequestId, ms } = ownFields(logged);
  logger.info({ requestId, clientRequestId, ...sharedFields(logged), ms }, "request");
}

/** Returns a function that writes lines which differ in a few fields only: what is the same in all is written as JSON once. */
export function prepareLines(
  logger: Logger,
  noteAnswer: NoteAnswer | undefined,
  shared: Omit<Logged, keyof Own>,
): (own: Own) => void {
  const lines = logger.child(sharedFields(shared));
  const note = noteAnswer?.(answerOf(shared));
  return (own) => {
    note?.(own);
    lines.info(ownFields(own), "request");
  };
}

function answerOf({ facts, method, path, status }: Omit<Logged, keyof Own>): Answered {
  return {
    ...{ method, url: path.slice(0, MAX_PATH_LENGTH), path: facts.path, status },
    ...{ model: modelOf(facts), route: facts.route?.route, error: facts.error, refusal: facts.refusal },
    ...{ preset: facts.preset },
    ...{ keyId: facts.key?.id, keyName: facts.key?.name },
  };
}

function modelOf({ route, model }: Logged["facts"]): string | undefined {
  return (route && targetOf(route)) ?? model;
}

function ownFields({ requestId, header, ms }: Own) {
  return { requestId, clientRequestId: sanitize(header(CLIENT_ID_HEADER)), ms: Math.max(0, Math.round(ms)) };
}

function sharedFields({ facts, ...logged }: Omit<Logged, keyof Own>) {
  return {
    method: logged.method,
    path: logged.path.slice(0, MAX_PATH_LENGTH),
    status: logged.status,
    keyId: facts.key?.id,
    keyName: facts.key?.name,
    model: modelOf(facts),
    route: facts.route && wordOf(facts.route),
    preset: facts.preset,
    tokens: logged.tokens,
    cache: cacheWord(logged.cache),
    queueMs: logged.queueMs,
    error: facts.error,
    clientGone: facts.clientGone,
  };
}

/** `hit`, such as `hit semantic` where it was not in memory under its own key, or why it was none. */
function cacheWord(news: CacheNews | undefined): string | undefined {
  if (news?.type === "hit" && news.detail !== undefined) return `hit ${news.detail.toLowerCase()}`;
  return news?.type === "forward" ? news.reason : news?.type;
}

/** The route, and each target that was asked in vain, such as `chat, local=server_overloaded`. */
function wordOf({ route, steps }: RouteNews): string {
  const failed = steps.filter(({ outcome }) => outcome === "failed");
  return [route, ...failed.map(({ target, reason }) => `${target}=${reason}`)].join(", ");
}

/** A client's own id, as far as it is printable ASCII (OpenAI's rule for the header), and not too long. */
function sanitize(id: string | undefined): string | undefined {
  return id?.slice(0, MAX_CLIENT_ID_LENGTH).replace(/[^\x21-\x7e]/g, "_");
}
