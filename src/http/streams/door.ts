import type { Context } from "hono";
import type { Logger } from "pino";
import type { Clock } from "../../clock.ts";
import type { InnerCaller, requestAs } from "../arrival.ts";
import type { HttpEnv } from "../context.ts";
import { cutThroughOf } from "../cut-through.ts";
import { type Framing, type Outlet, WEB_STREAM } from "../event-stream.ts";
import { tenantOf } from "../tenant.ts";
import { asksToResume, LAST_EVENT_HEADER, type StreamPlace } from "./asked.ts";
import type { JournalStore, Journals, Revival, StreamJournal } from "./journal.ts";
import type { StreamLimits, Streams } from "./streams.ts";

/** The way to the streams that are kept. Their code is loaded by the first request that asks for it. */
export type StreamsDoor = {
  /**
   * Undefined if the client didn't ask that its stream be kept, or none is. Throws `InvalidRequestError`.
   *
   * @param body the request's
   */
  readonly hold: (c: Context<HttpEnv>, connection: AbortSignal, body: string) => Promise<Hold> | undefined;
  /** Answers with what follows in a stream. */
  readonly read: (c: Context<HttpEnv>, place: StreamPlace) => Promise<Response>;
  /** Ends a stream's work and forgets it. */
  readonly remove: (c: Context<HttpEnv>, id: string) => Promise<void>;
  /** See `Streams`. */
  readonly leave: () => void;
  readonly suspend: () => void;
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** A request whose stream will be kept. */
export type Hold = {
  /** Aborted with the connection, until the stream has begun. */
  readonly signal: AbortSignal;
  readonly journal: StreamJournal | undefined;
  /** The way to the client, on which the stream is kept. */
  readonly outlet: (framing: Framing) => Outlet;
  /** There will be no stream. */
  readonly drop: () => void;
};

export type JournalOptions = {
  readonly store: JournalStore & {
    /** Called when nothing will be written any more. */
    readonly close?: () => Promise<void>;
  };
  readonly logger: Pick<Logger, "warn">;
  /** Sends a request within the process. */
  readonly requestAs: (caller: InnerCaller) => ReturnType<typeof requestAs>;
};

export type StreamsOptions = {
  /** What lets streams go on in another process; without it they end with this one. */
  readonly journal?: JournalOptions;
  readonly clock?: Clock;
};

/** Its timers keep no process alive. */
const CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** The headers of a request that are not written down: secrets, and what belongs to its connection. */
const NOT_WRITTEN =
  /^(.*(auth|key|token|secret|password|credential|cookie).*|proxy-.*|host|origin|referer|sec-.*|connection|upgrade|keep-alive|te|trailer|transfer-encoding|content-(length|encoding)|accept-encoding|expect|forwarded|x-forwarded-.*|traceparent|tracestate)$/;

/** Why such a stream can't go on in another process. */
export const OF_UPSTREAM = "Its model is answered by another server, which can't go on with it after a restart.";

/** Where nobody reads for now. */
const NOBODY: Outlet = {
  accept(stream) {
    stream.leave();
    return new Response(null, { status: 204 });
  },
};

export function createStreamsDoor(limits: StreamLimits, { journal, clock = CLOCK }: StreamsOptions = {}): StreamsDoor {
  const isOn = limits.resumeBytes > 0;
  const reviving = new Map<string, Revival>();
  const revivals = new Map<string, Promise<Response | undefined>>();
  let opened: { readonly streams: Streams; readonly journals: Journals | undefined } | undefined;
  let isLeaving = false;
  let flushed: Promise<void> | undefined;

  async function open() {
    if (opened !== undefined) return opened;
    const [{ createStreams }, { createJournals }] = await Promise.all([import("./streams.ts"), import("./journal.ts")]);
    opened ??= {
      streams: createStreams(limits, clock),
      journals: journal && createJournals({ ...journal, maxLength: limits.resumeBytes, now: clock.now }),
    };
    if (isLeaving) opened.streams.leave();
    return opened;
  }

  async function hold(c: Context<HttpEnv>, connection: AbortSignal, body: string): Promise<Hold> {
    const { streams, journals } = await open();
    const id = c.get("requestId");
    const tenant = tenantOf(c);
    const revival = reviving.get(id);
    const own = revival?.journal ?? journals?.begin(newJournal(c, id, tenant, body));
    const wanted = new AbortController();
    const follow = () => wanted.abort(connection.reason);
    if (connection.aborted) follow();
    else connection.addEventListener("abort", follow, { once: true });
    return {
      signal: wanted.signal,
      journal: own,
      outlet(framing) {
        const onBegun = () => connection.removeEventListener("abort", follow);
        const stream = { id, tenant, framing, onBegun, journal: own, isRevived: revival !== undefined };
        return streams.keep(stream, revival === undefined ? wayTo(c) : NOBODY);
      },
      drop() {
        // One of an earlier process may be asked for again.
        if (revival === undefined) own?.end();
      },
    };
  }

  /** Has a stream of an earlier process go on. Undefined if it does, or if there is none; else the answer to its request. */
  async function revive(c: Context<HttpEnv>, id: string, journals: Journals): Promise<Response | undefined> {
    const found = journals.find(id, tenantOf(c));
    if (found === undefined || journal === undefined) return undefined;
    if ("lost" in found) {
      const { lost } = await import("./streams.ts");
      throw lost(id, found.lost);
    }
    reviving.set(id, found);
    try {
      const { path, headers, body } = found.request;
      const ask = journal.requestAs({ keyId: c.get("key")?.id, requestId: id });
      const answer = await ask(path, { method: "POST", headers, body });
      return answer.status === 204 ? undefined : answer;
    } finally {
      reviving.delete(id);
    }
  }

  return {
    hold(c, connection, body) {
      return isOn && asksToResume(c) ? hold(c, connection, body) : undefined;
    },
    async read(c, { id, after }) {
      const { streams, journals } = await open();
      if (journals !== undefined && !streams.has(id) && !isLeaving) {
        const revival = revivals.get(id) ?? revive(c, id, journals).finally(() => revivals.delete(id));
        revivals.set(id, revival);
        const refusal = await revival;
        if (refusal !== undefined) return refusal.clone();
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const response = streams.read({ id, after, tenant: tenantOf(c), outlet: wayTo(c), onEnd: resolve });
      c.get("facts").bodySent = promise;
      return response;
    },
    async remove(c, id) {
      const { streams, journals } = await open();
      const tenant = tenantOf(c);
      if (streams.has(id) || journals?.remove(id, tenant) !== true) streams.remove(id, tenant);
    },
    leave() {
      isLeaving = true;
      opened?.streams.leave();
    },
    suspend() {
      opened?.streams.suspend();
      flushed = opened?.journals?.flush();
    },
    settled: async () => void (await Promise.all([flushed, opened?.streams.settled()])),
    async close() {
      opened?.streams.close();
      await opened?.journals?.flush();
      await journal?.store.close?.();
    },
  };
}

function newJournal(c: Context<HttpEnv>, id: string, tenant: string, body: string) {
  const headers = Object.fromEntries(
    [...c.req.raw.headers].filter(([name]) => !NOT_WRITTEN.test(name) && name !== LAST_EVENT_HEADER),
  );
  // Without the place at which the app is mounted.
  const request = { path: c.get("facts").path ?? c.req.path, headers, body };
  return { id, tenant, key: c.get("key")?.id ?? null, createdMs: Date.now(), request };
}

function wayTo(c: Context<HttpEnv>): Outlet {
  // The body of an answer to HEAD is not sent.
  return (c.req.method === "HEAD" ? undefined : cutThroughOf(c)) ?? WEB_STREAM;
}
