import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** An answer as it was sent. */
export type Captured = {
  readonly status: number;
  /** In the order in which they were sent; without those that Node adds. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly isChunked: boolean;
  readonly body: Buffer;
};

/** Hears what is sent with `outgoing`, of which nothing was sent yet. @param onEnd gets undefined for more than `maxBytes` */
export function capture(
  outgoing: ServerResponse,
  maxBytes: number,
  onEnd: (captured: Captured | undefined) => void,
): void {
  const pieces: Buffer[] = [];
  let headers: Captured["headers"] | undefined;
  let bytes = 0;
  const { writeHead, write, end } = outgoing;

  function take(piece: unknown): void {
    if (typeof piece !== "string" && !(piece instanceof Uint8Array)) return;
    bytes += piece.length;
    if (bytes <= maxBytes) pieces.push(Buffer.from(piece));
  }

  outgoing.writeHead = (...given: unknown[]) => {
    headers = headersOf(given.at(-1));
    Reflect.apply(writeHead, outgoing, given);
    return outgoing;
  };
  outgoing.write = (...given: unknown[]) => {
    take(given[0]);
    return Reflect.apply(write, outgoing, given);
  };
  outgoing.end = (...given: unknown[]) => {
    take(given[0]);
    // What `end` itself writes has been taken.
    Object.assign(outgoing, { writeHead, write, end });
    Reflect.apply(end, outgoing, given);
    const { statusCode: status, chunkedEncoding: isChunked } = outgoing;
    onEnd(headers === undefined || bytes > maxBytes ? undefined : { status, headers, isChunked, body: join(pieces) });
    return outgoing;
  };
}

/** Undefined for headers in a form that isn't used here. */
function headersOf(given: unknown): Captured["headers"] | undefined {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  const headers: OutgoingHttpHeaders = { ...given };
  return Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
}

/** Not from the shared pool: a small slice would keep the whole pool alive. */
function join(pieces: readonly Buffer[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) at += piece.copy(joined, at);
  return joined;
}
