import type { Context } from "hono";
import type { Clock } from "../../clock.ts";
import type { HttpEnv } from "../context.ts";
import { cutThroughOf } from "../cut-through.ts";
import { type Framing, type Outlet, WEB_STREAM } from "../event-stream.ts";
import { tenantOf } from "../tenant.ts";
import { asksToResume, type StreamPlace } from "./asked.ts";
import type { StreamLimits, Streams } from "./streams.ts";

/** The way to the streams that are kept. Their code is loaded by the first request that asks for it. */
export type StreamsDoor = {
  /** Undefined if the client didn't ask that its stream be kept, or none is. Throws `InvalidRequestError`. */
  readonly hold: (c: Context<HttpEnv>, connection: AbortSignal) => Hold | undefined;
  /** Answers with what follows in a stream. */
  readonly read: (c: Context<HttpEnv>, place: StreamPlace) => Promise<Response>;
  /** Ends a stream's work and forgets it. */
  readonly remove: (c: Context<HttpEnv>, id: string) => Promise<void>;
  /** See `Streams`. */
  readonly leave: () => void;
  readonly settled: () => Promise<void>;
  readonly close: () => void;
};

/** A request whose stream will be kept. */
export type Hold = {
  /** Aborted with the connection, until the stream has begun. */
  readonly signal: AbortSignal;
  /** The way to the client, on which the stream is kept. */
  readonly outlet: (c: Context<HttpEnv>, framing: Framing) => Promise<Outlet>;
};

/** Its timers keep no process alive. */
const CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

export function createStreamsDoor(limits: StreamLimits, clock: Clock = CLOCK): StreamsDoor {
  const isOn = limits.resumeBytes > 0;
  let opened: Streams | undefined;
  let isLeaving = false;

  async function open(): Promise<Streams> {
    const { createStreams } = await import("./streams.ts");
    opened ??= createStreams(limits, clock);
    if (isLeaving) opened.leave();
    return opened;
  }

  return {
    hold(c, connection) {
      if (!isOn || !asksToResume(c)) return undefined;
      const wanted = new AbortController();
      const follow = () => wanted.abort(connection.reason);
      if (connection.aborted) follow();
      else connection.addEventListener("abort", follow, { once: true });
      return {
        signal: wanted.signal,
        async outlet(asking, framing) {
          const streams = await open();
          const onBegun = () => connection.removeEventListener("abort", follow);
          const stream = { id: asking.get("requestId"), tenant: tenantOf(asking), framing, onBegun };
          return streams.keep(stream, wayTo(asking));
        },
      };
    },
    async read(c, place) {
      const streams = await open();
      const { promise, resolve } = Promise.withResolvers<void>();
      const response = streams.read({ ...place, tenant: tenantOf(c), outlet: wayTo(c), onEnd: resolve });
      c.get("facts").bodySent = promise;
      return response;
    },
    async remove(c, id) {
      (await open()).remove(id, tenantOf(c));
    },
    leave() {
      isLeaving = true;
      opened?.leave();
    },
    settled: async () => opened?.settled(),
    close: () => opened?.close(),
  };
}

function wayTo(c: Context<HttpEnv>): Outlet {
  // The body of an answer to HEAD is not sent.
  return (c.req.method === "HEAD" ? undefined : cutThroughOf(c)) ?? WEB_STREAM;
}
