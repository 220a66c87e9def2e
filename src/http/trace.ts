import type { TraceContext } from "../generation/trace.ts";

/** Returns the place of a request in a trace, by its id and what its client says. */
export type TraceOf = (requestId: string, client: TraceContext | undefined) => TraceContext | undefined;

/** W3C's form of version 00, of which later versions are continuations (https://www.w3.org/TR/trace-context-2/#versioning-of-traceparent). */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-[\x21-\x7e]*)?$/;
const MAX_LENGTH = 256;
/** What W3C asks everybody to pass on. */
const MAX_STATE_LENGTH = 512;

/** Undefined where the client says nothing that can be read: as W3C asks, it then has no trace. */
export function readTrace(header: (name: string) => string | undefined): TraceContext | undefined {
  const text = header("traceparent")?.trim();
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const state = header("tracestate");
  const isShort = state !== undefined && state.length <= MAX_STATE_LENGTH && /^[\x20-\x7e]+$/.test(state);
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, state: isShort ? state : undefined };
}
