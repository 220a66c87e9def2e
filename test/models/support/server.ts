import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export type TestServer = {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly requests: readonly IncomingMessage[];
  /** Breaks every connection. */
  readonly cut: () => void;
};

/** An HTTP server on 127.0.0.1 that lives as long as the running test. */
export async function startServer(handler: Handler): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, requests, cut: () => server.closeAllConnections() };
}

export type FileOptions = {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Whether ranges are honoured; yes unless told. */
  readonly ranges?: boolean;
};

/** Answers a request for a file as a good server does: Range, If-Range, ETag. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  { etag = '"one"', lastModified, ranges = true }: FileOptions = {},
): void {
  const validators = {
    ...(etag !== "" && { etag }),
    ...(lastModified !== undefined && { "last-modified": lastModified }),
  };
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? Number.NaN);
  const condition = request.headers["if-range"];
  const isSame = condition === undefined || condition === etag || condition === lastModified;
  if (!ranges || Number.isNaN(start) || !isSame) {
    response.writeHead(200, { ...validators, "content-length": bytes.length }).end(bytes);
    return;
  }
  if (start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const rest = bytes.subarray(start);
  const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(206, { ...validators, "content-range": range, "content-length": rest.length }).end(rest);
}

/** Announces the whole file, sends its bytes up to `end` and then nothing more, until the connection is cut. */
export function sendBeginning(
  response: ServerResponse,
  bytes: Buffer,
  end: number,
  headers: Readonly<Record<string, string>> = { etag: '"one"' },
): void {
  response.writeHead(200, { ...headers, "content-length": bytes.length });
  response.write(bytes.subarray(0, end));
}
