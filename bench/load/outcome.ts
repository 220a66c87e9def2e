import { quantile } from "../statistics.ts";
import type { Kind } from "./arrivals.ts";
import type { Visit } from "./open-loop.ts";
import { type Exchange, GAVE_UP } from "./post.ts";
import { parseStream } from "./sse.ts";
import { gaps } from "./timing.ts";

/** The final outcome of a client. */
export type Outcome = {
  readonly kind: Kind;
  readonly lateMs: number;
  /** `failed` is a connection that broke, a status that is no refusal, and a stream without its end. */
  readonly end: "answered" | "refused" | "gave up" | "failed";
  /** When its last byte came, by `performance.now()`. */
  readonly endedMs: number;
  /**
   * From the request that was let in until the first text. Of one that gave up without any it is how long it had waited, so that
   * a server doesn't look fast because its clients gave up. Undefined for refused and failed ones.
   */
  readonly ttftMs?: number;
  /** Of an answer's own gaps. */
  readonly itlP95Ms?: number;
  readonly refusals: readonly Refusal[];
  /** Whether it came back at the time that it was told. */
  readonly cameBack: boolean;
};

/** A refusal and how long the server took to tell it, in ms. */
type Refusal = { readonly status: number; readonly tookMs: number };

const REFUSALS: readonly (number | undefined)[] = [429, 503];

/** Judges a visit by what was recorded. */
export function outcomeOf({ client, lateMs, first, second }: Visit): Outcome {
  const last = second ?? first;
  return {
    ...{ kind: client.kind, lateMs, endedMs: last.endedMs, cameBack: second !== undefined },
    refusals: [first, ...(second ? [second] : [])].flatMap(refusalOf),
    ...endOf(last),
  };
}

function refusalOf({ status, startedMs, endedMs }: Exchange): readonly Refusal[] {
  return status !== undefined && REFUSALS.includes(status) ? [{ status, tookMs: endedMs - startedMs }] : [];
}

function endOf(exchange: Exchange): Pick<Outcome, "end" | "ttftMs" | "itlP95Ms"> {
  const { status, startedMs, endedMs, cut } = exchange;
  if (REFUSALS.includes(status)) return { end: "refused" };
  const stream = status === 200 ? readStream(exchange) : undefined;
  const arrivalsMs = stream?.arrivals.map(({ atMs }) => atMs) ?? [];
  const [firstMs] = arrivalsMs;
  if (cut === GAVE_UP) return { end: "gave up", ttftMs: (firstMs ?? endedMs) - startedMs };
  if (cut !== undefined || stream?.done !== true || firstMs === undefined) return { end: "failed" };
  return { end: "answered", ttftMs: firstMs - startedMs, itlP95Ms: quantile(gaps({ arrivalsMs }), 0.95) };
}

/** Undefined where the stream has an error in it. */
function readStream({ reads }: Exchange): ReturnType<typeof parseStream> | undefined {
  try {
    return parseStream(reads);
  } catch {
    return undefined;
  }
}
