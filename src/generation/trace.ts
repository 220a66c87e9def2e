import { randomUUID } from "node:crypto";

/** Where a request stands in somebody's trace, as W3C's headers `traceparent` and `tracestate` say it. */
export type TraceContext = {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the span that the next one belongs to, 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
  /** `tracestate` as it came. */
  readonly state: string | undefined;
  /** Whether a collector is told of this request's spans, so that others may come below them. */
  readonly isTold?: boolean;
};

/** The place of a new span below this one; the same place where nobody is told of spans. */
export function placeBelow(trace: TraceContext): TraceContext {
  return trace.isTold === true ? { ...trace, spanId: newSpanId() } : trace;
}

/** 16 hexadecimal digits. Node draws the random bytes of many UUIDs at once; those before and after are the digits that aren't random. */
function newSpanId(): string {
  const id = randomUUID();
  return `${id.slice(0, 8)}${id.slice(-8)}`;
}

/** The headers that take a trace on to another server. */
export function traceHeaders({ traceId, spanId, isSampled, state }: TraceContext): Readonly<Record<string, string>> {
  return {
    traceparent: `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`,
    ...(state !== undefined && { tracestate: state }),
  };
}
