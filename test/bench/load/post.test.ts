import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { GAVE_UP, post } from "../../../bench/load/post.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(onRequest: RequestListener): Promise<URL> {
  const server = createServer(onRequest).listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

const never = new AbortController().signal;

test("a refusal is an exchange like any other, with its status and headers", async () => {
  const url = await listen((_request, response) => response.writeHead(503, { "retry-after-ms": "70" }).end("busy"));
  const exchange = await post(url, Buffer.from("{}"), { signal: never });
  expect(exchange).toMatchObject({ status: 503, headers: { "retry-after-ms": "70" } });
  expect(exchange.cut).toBeUndefined();
  expect(Buffer.concat(exchange.reads.map(({ bytes }) => bytes)).toString()).toBe("busy");
});

test("headers are sent along, and the connection isn't kept", async () => {
  const url = await listen(({ headers }, response) => response.end(`${headers.authorization} ${headers.connection}`));
  const { reads } = await post(url, Buffer.from("{}"), { signal: never, headers: { authorization: "Bearer x" } });
  expect(Buffer.concat(reads.map(({ bytes }) => bytes)).toString()).toBe("Bearer x close");
});

test("who gives up has gone at once, without an answer", async () => {
  const patience = new AbortController();
  const url = await listen(() => patience.abort());
  const exchange = await post(url, Buffer.from("{}"), { signal: patience.signal });
  expect(exchange).toMatchObject({ status: undefined, cut: GAVE_UP, reads: [] });
});

test("a connection that is refused is told in the system's words", async () => {
  const exchange = await post(new URL("http://127.0.0.1:1/"), Buffer.from("{}"), { signal: never });
  expect(exchange.status).toBeUndefined();
  expect(exchange.cut).toMatch(/ECONNREFUSED/);
});
