import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DownloadContext, downloadFile, type RemoteFile } from "../../src/models/download.ts";
import { SourceError } from "../../src/models/errors.ts";
import { createReachBudget } from "../../src/models/http/request.ts";
import { downloadContext } from "./support/contexts.ts";
import { writeLargeGguf } from "./support/gguf-writer.ts";
import { sendBeginning, sendFile, startServer, type TestServer } from "./support/server.ts";
import { tempDir } from "./support/temp-dir.ts";

const FILE = writeLargeGguf(200_000);
const OTHER = writeLargeGguf(200_000, 2);

async function partOf(server: TestServer, known: Partial<RemoteFile> = {}): Promise<RemoteFile> {
  return { url: new URL(`${server.origin}/model.gguf`), partPath: join(await tempDir(), "model.gguf.part"), ...known };
}

function download(
  file: RemoteFile,
  context: DownloadContext = downloadContext(),
  onBytes = (_: number) => {},
): Promise<void> {
  return downloadFile(file, createReachBudget(context), context, onBytes);
}

async function errorOf(promise: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SourceError)) throw new Error(`expected a SourceError, got ${String(error)}`);
  return error;
}

const SENT = 50_000;
const NO_HEADERS = {};

/** A server that sends the first 50,000 bytes to the first request, and does as told with the others. */
async function serverThatStopsOnce(
  then: Parameters<typeof startServer>[0],
  headers?: Readonly<Record<string, string>>,
): Promise<TestServer> {
  let isFirst = true;
  return startServer((request, response) => {
    if (!isFirst) return then(request, response);
    isFirst = false;
    sendBeginning(response, FILE, SENT, headers);
  });
}

/** Breaks the connection when what such a server sends has arrived. */
function cutting(server: TestServer): (receivedBytes: number) => void {
  let isCut = false;
  return (receivedBytes) => {
    if (receivedBytes < SENT || isCut) return;
    isCut = true;
    server.cut();
  };
}

describe("downloadFile", () => {
  it("downloads the file and reports its progress", async () => {
    const server = await startServer((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    const amounts: number[] = [];
    await download(file, downloadContext(), (received) => amounts.push(received));
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    expect(amounts[0]).toBe(0);
    expect(amounts.at(-1)).toBe(FILE.length);
    expect(server.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  it("resumes a broken transfer if the file is the same", async () => {
    const server = await serverThatStopsOnce((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    await download(file, downloadContext(), cutting(server));
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    const { range, "if-range": condition } = server.requests[1]?.headers ?? {};
    expect(range).toBe("bytes=50000-");
    expect(condition).toBe('"one"');
    expect(server.requests).toHaveLength(2);
  });

  it("resumes an earlier run that was aborted", async () => {
    const controller = new AbortController();
    const server = await serverThatStopsOnce((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    const stopped = download(file, downloadContext({ signal: controller.signal }), (received) => {
      if (received >= SENT) controller.abort(new Error("stopped"));
    });
    await expect(stopped).rejects.toThrow("stopped");
    expect((await stat(file.partPath)).size).toBe(SENT);
    await download(file);
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    expect(server.requests[1]?.headers.range).toBe("bytes=50000-");
  });

  it("sends no request when the file is complete", async () => {
    const server = await startServer((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    await download(file);
    await download(file);
    expect(server.requests).toHaveLength(1);
  });

  it("begins again when the server's file has changed", async () => {
    const server = await serverThatStopsOnce((request, response) =>
      sendFile(request, response, OTHER, { etag: '"two"' }),
    );
    const file = await partOf(server);
    await download(file, downloadContext(), cutting(server));
    expect((await readFile(file.partPath)).equals(OTHER)).toBe(true);
  });

  it("begins again when the server knows no ranges", async () => {
    const server = await serverThatStopsOnce((request, response) =>
      sendFile(request, response, FILE, { ranges: false }),
    );
    const file = await partOf(server);
    await download(file, downloadContext(), cutting(server));
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
  });

  it("begins again when the server continues at another place, or ends before it", async () => {
    for (const answer of [
      { status: 206, headers: { "content-range": `bytes 7-${FILE.length - 1}/${FILE.length}` } },
      { status: 206, headers: { "content-range": `bytes 50000-60000/70000` } },
      { status: 416, headers: { "content-range": "bytes */10" } },
    ]) {
      const server = await serverThatStopsOnce((request, response) => {
        if (request.headers.range === undefined) return sendFile(request, response, FILE);
        response.writeHead(answer.status, answer.headers).end();
      });
      const file = await partOf(server);
      await download(file, downloadContext(), cutting(server));
      expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    }
  });

  it("does not continue a file that nothing identifies, unless its hash will be compared", async () => {
    const stopUnnamed = () => serverThatStopsOnce((request, response) => sendFile(request, response, FILE), NO_HEADERS);
    const unnamed = await stopUnnamed();
    await download(await partOf(unnamed), downloadContext(), cutting(unnamed));
    expect(unnamed.requests[1]?.headers.range).toBeUndefined();
    const hashed = await stopUnnamed();
    await download(await partOf(hashed, { sha256: "0".repeat(64) }), downloadContext(), cutting(hashed));
    expect(hashed.requests[1]?.headers).toMatchObject({ range: "bytes=50000-" });
    expect(hashed.requests[1]?.headers["if-range"]).toBeUndefined();
  });

  it("does not use a weak ETag to continue, but the date", async () => {
    const lastModified = "Wed, 21 Oct 2015 07:28:00 GMT";
    const server = await serverThatStopsOnce(
      (request, response) => sendFile(request, response, FILE, { etag: 'W/"one"', lastModified }),
      { etag: 'W/"one"', "last-modified": lastModified },
    );
    await download(await partOf(server), downloadContext(), cutting(server));
    expect(server.requests[1]?.headers["if-range"]).toBe(lastModified);
  });

  it("resumes a stalled transfer", async () => {
    const server = await serverThatStopsOnce((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    await download(file, downloadContext({ stallTimeoutMs: 30 }));
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    expect(server.requests[1]?.headers.range).toBe("bytes=50000-");
  });

  it("gives up on a server that always stalls, after a bounded number of retries", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { etag: '"one"', "content-length": FILE.length });
      response.flushHeaders();
    });
    const error = await errorOf(download(await partOf(server), downloadContext({ stallTimeoutMs: 10 })));
    expect(error.message).toContain("stopped sending: nothing came for 0.01 s; given up after 4 retries");
    expect(server.requests).toHaveLength(5);
  });

  it("continues as long as every try brings new data", async () => {
    const step = 20_000;
    let sent = 0;
    const server = await startServer((request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
      const range = { "content-range": `bytes ${start}-${FILE.length - 1}/${FILE.length}` };
      const length = { "content-length": FILE.length - start };
      response.writeHead(start === 0 ? 200 : 206, { etag: '"one"', ...(start > 0 && range), ...length });
      sent = Math.min(start + step, FILE.length);
      response.write(FILE.subarray(start, sent));
    });
    const file = await partOf(server);
    await download(file, downloadContext(), (received) => {
      if (received > 0 && received === sent && received < FILE.length) server.cut();
    });
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    expect(server.requests).toHaveLength(Math.ceil(FILE.length / step));
  });

  it("does not retry a server that never answered", async () => {
    const server = await startServer((_, response) => response.writeHead(503).end());
    expect((await errorOf(download(await partOf(server)))).message).toContain("answered 503");
    expect(server.requests).toHaveLength(1);
  });

  it("refuses an unexpected size before the download, and leaves nothing", async () => {
    const server = await startServer((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server, { sizeBytes: 10 });
    expect((await errorOf(download(file))).message).toContain(`${FILE.length} bytes, but 10 were expected`);
    await expect(stat(file.partPath)).rejects.toThrow("ENOENT");
  });

  it("refuses a web page at its first byte, and leaves nothing", async () => {
    const server = await startServer((_, response) =>
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>sign in</html>"),
    );
    const file = await partOf(server);
    const error = await errorOf(download(file));
    expect(error.message).toContain("sent text/html, which is not a GGUF file");
    expect(error.advice).toContain("Check the URL");
    await expect(stat(file.partPath)).rejects.toThrow("ENOENT");
  });

  it("checks the disk before the download, with both numbers", async () => {
    const server = await startServer((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    const error = await errorOf(download(file, downloadContext({ freeBytes: async () => 100e6 })));
    expect(error.message).toMatch(/^the disk is too full: 1 MB and a margin of 135 MB are needed, 100 MB are free$/);
    expect(error.advice).toContain("--models-dir");
  });

  it("needs space only for the rest of the file", async () => {
    const server = await startServer((request, response) => sendFile(request, response, FILE));
    const file = await partOf(server);
    await download(file);
    const half = FILE.subarray(0, 150_000);
    await writeFile(file.partPath, half);
    const enough = FILE.length - half.length + 128 * 1024 * 1024;
    await download(file, downloadContext({ freeBytes: async () => enough }));
    expect((await stat(file.partPath)).size).toBe(FILE.length);
  });

  it("accepts a file of unknown size, but no more than the disk has room for", async () => {
    const server = await startServer((_, response) => {
      response.write(FILE);
      response.end();
    });
    const file = await partOf(server);
    await download(file);
    expect((await stat(file.partPath)).size).toBe(FILE.length);
    const small = await partOf(server);
    const error = await errorOf(download(small, downloadContext({ freeBytes: async () => 128 * 1024 * 1024 + 1_000 })));
    expect(error.message).toContain("did not say how large the file is");
    await expect(stat(small.partPath)).rejects.toThrow("ENOENT");
  });

  it("continues when an answer of unknown length ends before the expected size", async () => {
    const server = await startServer((request, response) => {
      if (request.headers.range !== undefined) return sendFile(request, response, FILE);
      response.setHeader("etag", '"one"');
      response.write(FILE.subarray(0, SENT));
      response.end();
    });
    const file = await partOf(server, { sizeBytes: FILE.length });
    await download(file);
    expect((await readFile(file.partPath)).equals(FILE)).toBe(true);
    expect(server.requests[1]?.headers.range).toBe(`bytes=${SENT}-`);
  });

  it("keeps no secret of the URL on the disk", async () => {
    const server = await serverThatStopsOnce((_, response) => response.writeHead(404).end());
    const file = await partOf(server);
    const url = new URL(`${server.origin}/model.gguf?key=secret`);
    await errorOf(download({ ...file, url }, downloadContext(), cutting(server)));
    expect(await readFile(`${file.partPath}.json`, "utf8")).not.toContain("secret");
  });
});
