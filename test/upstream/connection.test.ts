import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { answerWith, begin, chunk, mockUpstream, send } from "../fixtures/mock-upstream.ts";
import { collect, openUpstream, requestFor, textOf } from "./support.ts";

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

function open(...given: Parameters<typeof openUpstream>) {
  const opened = openUpstream(...given);
  ends.push(opened.server.close);
  return opened;
}

let folder: string;
let caFile: string;
let localhost: { readonly key: string; readonly cert: string };

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: "localhost" }], { keyType: "ec", algorithm: "sha256" });
  localhost = { key: made.private, cert: made.cert };
  folder = await mkdtemp(join(tmpdir(), "sluice-tls-"));
  caFile = join(folder, "localhost.crt");
  await writeFile(caFile, localhost.cert);
});

afterAll(() => rm(folder, { recursive: true }));

/** A server whose certificate nobody has signed. */
async function startSecure(): Promise<string> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    for await (const _ of request);
    await answerWith(["Hello"])(response, { method: "POST" });
  };
  const server = createHttpsServer(localhost, (request, response) => void answer(request, response));
  return `https://localhost:${await listen(server)}`;
}

describe("a connection to an upstream", () => {
  it("is made where its certificate is signed by the authority of the settings", async () => {
    const { backend } = open(await startSecure(), { tls: { caFile } });
    expect(textOf(await collect(backend))).toBe("Hello");
  });

  it("is not made where nobody vouches for the certificate, unless the settings say so", async () => {
    const url = await startSecure();
    await expect(collect(open(url).backend)).rejects.toMatchObject({ failure: { status: undefined } });
    expect(textOf(await collect(open(url, { tls: { insecure: true } }).backend))).toBe("Hello");
  });

  it("goes through the proxy of the settings", async () => {
    const url = await startSecure();
    const through: string[] = [];
    const proxy = createHttpServer();
    proxy.on("connect", ({ url = "" }: IncomingMessage, client: Socket, head: Buffer) => {
      through.push(url);
      const [host = "", port] = url.split(":");
      const far = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        far.write(head);
        far.pipe(client).pipe(far);
      });
      for (const socket of [far, client]) socket.on("error", () => {});
    });
    const port = await listen(proxy);
    const { backend } = open(url, { proxy: `http://127.0.0.1:${port}`, tls: { insecure: true } });
    expect(textOf(await collect(backend))).toBe("Hello");
    expect(through).toEqual([new URL(url).host]);
  });

  it("is used again", async () => {
    const mock = await mockUpstream();
    ends.push(mock.close);
    const { backend } = open(mock.url);
    for (let index = 0; index < 10; index++) await collect(backend);
    // The next request may come before the end of the last connection's answer was read.
    expect(mock.connections()).toBeLessThanOrEqual(2);
  });

  it.each([
    ["an error", { error: { message: "no", code: 400 } }],
    ["nonsense", { choices: 7 }],
  ])("is closed where the answer begins with %s and goes on", async (_, event) => {
    const mock = await mockUpstream((response) => {
      begin(response);
      send(response, event);
    });
    ends.push(mock.close);
    await expect(collect(open(mock.url).backend)).rejects.toThrow();
    await mock.posts()[0]?.left;
  });

  it("is closed where the answer has ended and the connection goes on", async () => {
    const mock = await mockUpstream((response) => {
      begin(response);
      send(response, chunk({ delta: { content: "Hello" }, finish_reason: "stop" }));
      send(response, "[DONE]");
    });
    ends.push(mock.close);
    expect(textOf(await collect(open(mock.url).backend))).toBe("Hello");
    await mock.posts()[0]?.left;
  });

  it("is not made for a request that the upstream has no word for, however busy it is", async () => {
    const mock = await mockUpstream(() => {});
    ends.push(mock.close);
    const { backend } = open(mock.url, { maxConcurrent: 1 });
    const client = new AbortController();
    const busy = collect(backend, requestFor({}, { signal: client.signal }));
    await expect.poll(() => mock.posts().length).toBe(1);
    await expect(collect(backend, requestFor({ promptLogprobs: 1 }))).rejects.toMatchObject({
      field: "prompt_logprobs",
    });
    client.abort(new Error("left"));
    await expect(busy).rejects.toThrow("left");
  });

  it("waits for its turn where maxConcurrent are in use", async () => {
    const begun: (() => void)[] = [];
    const mock = await mockUpstream(async (response, heard) => {
      await new Promise<void>((resolve) => begun.push(resolve));
      await answerWith(["Hello"])(response, heard);
    });
    ends.push(mock.close);
    const { backend } = open(mock.url, { maxConcurrent: 1 });
    const answers = [collect(backend), collect(backend)];
    await expect.poll(() => begun.length).toBe(1);
    expect(backend.workload()).toEqual({ waiting: 1, running: 1, firstTokenMs: undefined });
    begun[0]?.();
    await answers[0];
    await expect.poll(() => begun.length).toBe(2);
    begun[1]?.();
    expect(textOf((await answers[1]) ?? [])).toBe("Hello");
  });
});
