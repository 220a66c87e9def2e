import { once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Door } from "./door.ts";
import { createMcpServer } from "./server.ts";

/** A longer message ends the connection. The gateway takes bodies of 16 MiB by default. */
const MAX_MESSAGE_BYTES = 16 * 1024 ** 2;

type StdioOptions = {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  /** Hears of what the client isn't told: defects, and messages that can't be read. */
  readonly onError: (error: unknown) => void;
  /** Ends the connection. */
  readonly signal: AbortSignal;
};

/** Serves MCP over two streams, until the client ends its own or `signal` aborts. Calls that run then are cancelled. */
export async function serveOverStdio(door: Door, { stdin, stdout, onError, signal }: StdioOptions): Promise<void> {
  const input = stdin instanceof Readable ? stdin : new Readable().wrap(stdin);
  const output = stdout instanceof Writable ? stdout : passTo(stdout);
  const transport = new StdioServerTransport(input, output, { maxBufferSize: MAX_MESSAGE_BYTES });
  const handle = serveStdio(() => createMcpServer({ door, onDefect: onError }), { transport, onerror: onError });
  const closed = Promise.withResolvers<void>();
  const { onclose } = transport;
  transport.onclose = () => {
    onclose?.();
    closed.resolve();
  };
  const abort = () => void handle.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([closed.promise, once(input, "close")]);
  } finally {
    signal.removeEventListener("abort", abort);
    await handle.close();
  }
}

function passTo(stream: NodeJS.WritableStream): Writable {
  const passing = new PassThrough();
  passing.pipe(stream);
  return passing;
}
