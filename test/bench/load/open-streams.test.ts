import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openStreams } from "../../../bench/load/open-streams.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: Parameters<typeof createServer>[1]): Promise<URL> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const { port } = started.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/v1/chat/completions`);
}

const options = { body: Buffer.from("{}"), firstMark: "river", signal: new AbortController().signal };

test("all streams are open when memory is looked at", async () => {
  let open = 0;
  const url = await serve((_, response) => {
    open += 1;
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: river\n\n");
  });
  const result = await openStreams({ ...options, url, count: 250, atOpen: async () => open });
  expect(result).toEqual({ opened: 250, atOpen: 250 });
});

test("a stream that is refused is an error", async () => {
  const url = await serve((_, response) => response.writeHead(503).end("too many"));
  await expect(openStreams({ ...options, url, count: 2, atOpen: async () => 0 })).rejects.toThrow("503");
});

test("a stream that ends before all are open is an error", async () => {
  const url = await serve((_, response) => response.end("river"));
  await expect(openStreams({ ...options, url, count: 2, atOpen: async () => 0 })).rejects.toThrow("ended before");
});
