import { randomUUID } from "node:crypto";
import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import type { Logger } from "pino";
import type { Occupancy } from "../../generation/backend.ts";
import { targetOf } from "../../generation/news.ts";
import type { Access } from "../../keys/access.ts";
import { answerHeaders } from "../answer-headers.ts";
import { innerCallerOf } from "../arrival.ts";
import type { HttpEnv, RequestFacts } from "../context.ts";
import { createCors } from "../cors.ts";
import type { HostPolicy } from "../hosts.ts";
import { formatLoad, LOAD_FORMAT_HEADER, LOAD_HEADER } from "../load-report.ts";
import type { Objectives } from "../objectives.ts";
import { readTrace, type TraceOf } from "../trace.ts";
import { assertNoLoop, VIA_HEADER } from "../via.ts";
import { logAnswer, type NoteAnswer } from "./access-log.ts";
import { authenticate } from "./authenticate.ts";
import { assertOneHost, assertOwnHost } from "./own-host.ts";

export type PassOptions = {
  readonly settings: {
    /** Origins that browsers may call from, or `*`. */
    readonly corsOrigins: readonly string[];
    /** By which names requests may call it while there are no keys; undefined where whoever listens looks after this. */
    readonly hosts?: HostPolicy;
  };
  /** Undefined for a gateway that knows no keys. */
  readonly access: Access | undefined;
  /** Whether nobody needs a key here. */
  readonly isOpen: boolean;
  readonly onError: ErrorHandler<HttpEnv>;
  /** Tells requests that this gateway has sent itself. */
  readonly gatewayId: string;
  readonly logger: Logger;
  readonly noteAnswer?: NoteAnswer | undefined;
  /** The place of a request in a trace; as its client says if absent. */
  readonly traceOf?: TraceOf | undefined;
  /** How busy a model is. */
  readonly occupancyOf: (model: string) => Occupancy | undefined;
  /** The classes that llm-d's objectives stand for. */
  readonly objectives: Objectives;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/**
 * What every request passes, in one middleware, since each takes its share of a short request's time: it gets its id, preflights are answered,
 * its host and its key are checked, and when there is an answer, that gets its headers and its line in the log.
 *
 * As OpenAI does, an id from the client is not taken over: two requests could share it. `x-client-request-id` goes into the log instead.
 */
export function passThrough(options: PassOptions): MiddlewareHandler<HttpEnv> {
  const { settings, access, isOpen, onError, gatewayId, logger, now } = options;
  const { noteAnswer, traceOf, occupancyOf, objectives } = options;
  const cors = createCors(settings.corsOrigins);

  function check(c: Context<HttpEnv>): void {
    const { hosts } = settings;
    assertOneHost(c);
    const isOn = (hosts !== undefined || !isOpen) && access?.keys.isOn() === true;
    if (hosts !== undefined && !isOn) assertOwnHost(c, hosts);
    if (isOpen) return;
    authenticate(c, access, isOn);
    assertNoLoop(c.req.header(VIA_HEADER), gatewayId);
  }

  /** The answer to a request that goes no further. */
  function refuse(c: Context<HttpEnv>): Response | Promise<Response> | undefined {
    try {
      check(c);
      return undefined;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      c.error = error;
      return onError(error, c);
    }
  }

  /** Undefined where none was asked for, and before it is known for which model. */
  function reportLoad({ route, model }: RequestFacts, format: string | undefined): string | undefined {
    const answered = (route && targetOf(route)) ?? model;
    if (format === undefined || answered === undefined) return undefined;
    const occupancy = occupancyOf(answered);
    return occupancy && formatLoad(format, occupancy);
  }

  return async (c, next) => {
    const startedMs = now();
    const facts: RequestFacts = {};
    const requestId = innerCallerOf(c)?.requestId ?? newRequestId();
    c.set("requestId", requestId);
    c.set("facts", facts);
    if (objectives.size > 0) c.set("objectives", objectives);
    const header = (name: string) => c.req.header(name);
    const client = readTrace(header);
    const place = traceOf === undefined ? client : traceOf(requestId, client);
    if (place !== undefined) facts.trace = place;
    if (client !== undefined) facts.clientTrace = client;
    const answer = cors !== undefined && c.req.method === "OPTIONS" ? cors.answerPreflight(header) : refuse(c);
    if (answer === undefined) await next();
    else c.res = await answer;

    const { res } = c;
    const headers = answerHeaders({
      ...{ requestId, facts, status: res.status, processingMs: now() - startedMs, cors: cors?.headersFor(header) },
      ...{ errorForm: c.get("errorForm"), key: c.get("key"), meter: c.get("meter") },
    });
    const load = reportLoad(facts, header(LOAD_FORMAT_HEADER));
    if (load !== undefined) headers[LOAD_HEADER] = load;
    for (const name in headers) setHeader(res.headers, name, headers[name] ?? "");
    logAnswer(c, { logger, noteAnswer }, startedMs, now);
  };
}

/** `req_` and 32 hexadecimal digits. Node draws the random bytes of many UUIDs at once, and those of `randomBytes` one by one. */
export function newRequestId(): string {
  return `req_${randomUUID().replaceAll("-", "")}`;
}

/** `vary` may be there already, and is added to. */
function setHeader(headers: Headers, name: string, value: string): void {
  if (name === "vary") headers.append(name, value);
  else headers.set(name, value);
}
