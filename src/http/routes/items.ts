import type { Handler } from "hono";
import { type Clock, systemClock } from "../../clock.ts";
import type { Priority } from "../../generation/terms.ts";
import type { ItemResult } from "../../items/answer-items.ts";
import type { Pump } from "../../items/in-flight.ts";
import type { OpenStream, OpenStreams } from "../../items/open-streams.ts";
import type { StreamEnd } from "../../items/patience.ts";
import type { Template } from "../../items/template.ts";
import { decodeStreamQuery } from "../../protocols/items/query.ts";
import { type InnerCaller, incomingOf } from "../arrival.ts";
import { letTakeItsTime } from "../connections.ts";
import type { HttpEnv } from "../context.ts";
import { cutThroughOf } from "../cut-through.ts";
import { HttpError } from "../errors.ts";
import { JSON_LINES, WEB_STREAM } from "../event-stream.ts";
import { LOCAL_ONLY_HEADER } from "../terms.ts";
import { VIA_HEADER } from "../via.ts";
import { keyIdOf } from "./batches.ts";
import { assertPreset, faultInTemplate, type RecipeDeps } from "./item-recipe.ts";

export type StreamDeps = RecipeDeps & {
  /** Calls this app for somebody. */
  readonly callAs: (caller: InnerCaller) => (path: string, init: RequestInit) => Promise<Response>;
  readonly maxBodyBytes: number;
  /** See `ConnectionLimits`. */
  readonly maxConnections: number;
  readonly isLeaving: () => boolean;
  readonly clock?: Clock;
};

/** Unless the client wants less: a client that has nothing to send for longer sends blank lines. */
const IDLE_MS = 60 * 60 * 1000;

/** The parts of all connections that streams may take, and those of one key. */
const SHARE = 1 / 4;
const SHARE_OF_KEY = 1 / 8;

/** How often something is sent, so that what stands between sees that the connection lives. */
const BEAT_MS = 20_000;
const BEAT = "\n";

/** The headers that hold for each item. */
const KEPT_HEADERS = [LOCAL_ONLY_HEADER, VIA_HEADER, "cache-control"];

/**
 * `POST /v1/stream`: answers items as they come, on one connection for as long as the client likes. Each item is a request of its own, under the
 * client's key.
 */
export function streamItems({
  callAs,
  maxBodyBytes,
  maxConnections,
  isLeaving,
  clock = systemClock,
  ...named
}: StreamDeps): Handler<HttpEnv> {
  let open: OpenStreams | undefined;
  return async (c) => {
    const asked = decodeStreamQuery(c.req.query());
    assertPreset(c, named, asked);
    const incoming = incomingOf(c);
    if (incoming !== undefined) letTakeItsTime(incoming);
    const [{ createOpenStreams }, { answerItems }, { linesOf }, { untilIdle }, { valuesOf }, templates] =
      await Promise.all([
        import("../../items/open-streams.ts"),
        import("../../items/answer-items.ts"),
        import("../../items/byte-lines.ts"),
        import("../../items/patience.ts"),
        import("../../items/values.ts"),
        import("../../items/template.ts"),
      ]);
    open ??= createOpenStreams({
      max: Math.ceil(maxConnections * SHARE),
      maxOfKey: Math.ceil(maxConnections * SHARE_OF_KEY),
      maxBytes: maxBodyBytes,
    });
    const key = c.get("key");
    const entered = open.enter(key && { id: key.id, concurrentRequests: key.policy.concurrentRequests });
    if ("refusal" in entered) throw new HttpError(429, entered.refusal, "too_many_streams");
    const place: OpenStream = entered;
    const stopping = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, stopping.signal]);
    let template: Template = { fields: {}, length: 0 };
    let end: StreamEnd | "invalid_template" = "input_ended";
    let results: Pump<ItemResult> | undefined;

    async function* items() {
      const lines = untilIdle(
        linesOf(c.req.raw.body ?? new ReadableStream({ start: (it) => it.close() }), maxBodyBytes),
        {
          ...{ idleMs: Math.min(asked.idleMs ?? IDLE_MS, IDLE_MS), clock },
          isLeaving: () => isLeaving() || signal.aborted,
          isBusy: () => (results?.held() ?? 0) > 0,
        },
      );
      const values = valuesOf(lines, {
        maxBytes: maxBodyBytes,
        take: (bytes) => place.take(bytes, signal),
        templateLength: () => template.length,
      });
      end = yield* templates.takeTemplate(values, (given) => {
        const fault = faultInTemplate(c, named, { ...asked, template: given.fields });
        if (fault !== undefined) throw new templates.TemplateError(fault);
        template = given;
      });
    }

    const pump = answerItems(items(), {
      recipe: () => ({ endpoint: asked.endpoint, preset: asked.preset, template: template.fields }),
      door: callAs(callerOf(keyIdOf(c), asked.priority)),
      headers: Object.fromEntries(
        KEPT_HEADERS.flatMap((name) => {
          const value = c.req.header(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      ...{ limit: asked.inFlight, isOrdered: asked.isOrdered, signal, clock },
    });
    results = pump;
    let answered = 0;
    let failed = 0;
    let cancelBeat = () => {};

    async function take() {
      let message: string | undefined;
      try {
        const { done, value } = await pump.results.next();
        if (done !== true) {
          answered += 1;
          if (value.isError) failed += 1;
          return { frames: `${value.line}\n`, isLast: false };
        }
      } catch (error) {
        if (!(error instanceof templates.TemplateError)) throw error;
        end = "invalid_template";
        message = error.message;
      }
      const summary = { end: { reason: end, ...(message !== undefined && { message }), items: answered, failed } };
      return { frames: `${JSON.stringify(summary)}\n`, isLast: true };
    }

    function stop(): void {
      place.leave();
      cancelBeat();
      stopping.abort(new Error("The stream has ended."));
    }

    return (cutThroughOf(c) ?? WEB_STREAM).accept({
      headers: JSON_LINES.headers,
      // So that the client has the headers before it has sent anything.
      opening: BEAT,
      take,
      sendBeatsBy(send) {
        const beat = () => {
          send(() => BEAT);
          cancelBeat = clock.after(BEAT_MS, beat);
        };
        cancelBeat = clock.after(BEAT_MS, beat);
      },
      end: stop,
      leave: stop,
    });
  };
}

function callerOf(keyId: string | undefined, priority: Priority): InnerCaller {
  return { keyId, priority };
}
