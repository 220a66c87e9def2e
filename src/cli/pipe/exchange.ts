import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { z } from "zod";
import { linesOf } from "../../items/byte-lines.ts";
import { CommandError, RefusedError } from "../errors.ts";

/** Where items are sent. */
export type Destination = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** The connection ended before the stream did. */
export class CutOffError extends Error {
  override readonly name = "CutOffError";
}

/** Longer than any answer. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

const refusal = z.object({ error: z.object({ message: z.string() }) });

/** Statuses of a gateway that is starting, stopping or full. */
const AWAY = [429, 502, 503, 504];

/**
 * Sends lines while the lines of the answer come. `fetch` sends a body before it reads an answer by its specification, so this is Node's own
 * client. Throws `CutOffError` if the connection can't be made or breaks, and a CommandError if the gateway refuses.
 */
export async function* exchangeLines(
  { url, headers }: Destination,
  lines: AsyncIterable<string>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const outgoing = (url.startsWith("https:") ? requestHttps : requestHttp)(url, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", ...headers },
    signal,
  });
  // Whoever waits hears of it, too.
  outgoing.on("error", () => {});
  outgoing.flushHeaders();
  try {
    const responding: Promise<[IncomingMessage]> = once(outgoing, "response") as Promise<[IncomingMessage]>;
    sendAll(lines, outgoing).catch((error: unknown) => {
      outgoing.destroy(error instanceof Error ? error : undefined);
    });
    const [incoming] = await responding;
    if (incoming.statusCode !== 200) await refuse(incoming);
    for await (const { text } of linesOf(incoming, MAX_LINE_BYTES)) {
      if (text === undefined) throw new CommandError(`The gateway sent a line of more than ${MAX_LINE_BYTES} bytes.`);
      yield text;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CommandError || error instanceof CutOffError) throw error;
    throw new CutOffError(error instanceof Error ? error.message : String(error));
  } finally {
    outgoing.destroy();
  }
}

type Outgoing = ReturnType<typeof requestHttp>;

async function sendAll(lines: AsyncIterable<string>, outgoing: Outgoing): Promise<void> {
  for await (const line of lines) {
    if (outgoing.destroyed) return;
    if (outgoing.write(`${line}\n`)) continue;
    const waited = new AbortController();
    const { signal } = waited;
    await Promise.race([once(outgoing, "drain", { signal }), once(outgoing, "close", { signal })]);
    waited.abort();
  }
  outgoing.end();
}

async function refuse(incoming: IncomingMessage): Promise<never> {
  let text = "";
  for await (const piece of incoming.setEncoding("utf8")) text += String(piece).slice(0, 10_000);
  const { statusCode = 0 } = incoming;
  if (AWAY.includes(statusCode)) throw new CutOffError(`status ${statusCode}`);
  throw new RefusedError(statusCode, messageIn(text) ?? `The gateway answered with status ${statusCode}.`);
}

function messageIn(text: string): string | undefined {
  try {
    return refusal.safeParse(JSON.parse(text)).data?.error.message;
  } catch {
    return undefined;
  }
}
