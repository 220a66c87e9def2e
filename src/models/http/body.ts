import { SourceError } from "../errors.ts";
import { describeCause } from "./failure.ts";
import type { Reply } from "./request.ts";

/**
 * Yields the pieces of an answer's body. At most `stallTimeoutMs` may pass between two, without the time in which the consumer is busy.
 * Always closes the reply at the end.
 * @throws SourceError, transient, if the body stalls or breaks off. Throws the signal's reason when aborted.
 */
export async function* readBody(
  { response, url, close }: Reply,
  stallTimeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stalled = new SourceError(`${url.host} stopped sending: nothing came for ${stallTimeoutMs / 1000} s`, {
    isTransient: true,
  });
  const reader = response.body?.getReader();
  let timer: NodeJS.Timeout | undefined;
  try {
    while (reader !== undefined) {
      timer = setTimeout(() => close(stalled), stallTimeoutMs);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError) throw error;
    throw new SourceError(`${url.host} broke off: ${describeCause(error)}`, { isTransient: true });
  } finally {
    clearTimeout(timer);
    close();
  }
}

/**
 * Returns an answer's whole body as text.
 * @throws SourceError if it is longer than `maxBytes`, stalls or breaks off.
 */
export async function readText(
  reply: Reply,
  maxBytes: number,
  stallTimeoutMs: number,
  signal: AbortSignal,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let byteCount = 0;
  for await (const piece of readBody(reply, stallTimeoutMs, signal)) {
    byteCount += piece.length;
    if (byteCount > maxBytes) throw new SourceError(`${reply.url.host} sent more than ${maxBytes} bytes of text`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
