import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { prepareDrain } from "../../src/http/drain.ts";
import { followTraffic } from "../../src/http/traffic.ts";

/** A server that never gives up a kept connection by itself, and a client that keeps its one. */
async function setUp() {
  const arrived: ServerResponse[] = [];
  const server = createServer({ keepAliveTimeout: 0 }, (_, response) => {
    arrived.push(response);
    server.emit("arrived");
  });
  const drain = prepareDrain(server, followTraffic(server));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => {
    agent.destroy();
    server.closeAllConnections();
  });
  return {
    drain,
    /** Sends a request; resolves when the server has it. */
    async send(): Promise<{ response: ServerResponse; answer: Promise<IncomingMessage> }> {
      const taken = once(server, "arrived");
      const request = get({ port, host: "127.0.0.1", agent });
      const answer = once(request, "response").then(([message]) => (message as IncomingMessage).resume());
      await taken;
      const response = arrived.at(-1);
      if (response === undefined) throw new Error("no request arrived");
      return { response, answer };
    },
  };
}

describe("draining a server", () => {
  test("closes a kept connection that is idle", async () => {
    const { drain, send } = await setUp();
    const { response, answer } = await send();
    response.end("done");
    await once(await answer, "end");
    await drain();
  });

  test("lets a running stream finish, and does not wait for its connection afterwards", async () => {
    const { drain, send } = await setUp();
    const { response, answer } = await send();
    response.write("first");
    const message = await answer;
    let ended = false;
    const drained = drain().then(() => {
      expect(ended).toBe(true);
    });
    ended = true;
    response.end("last");
    await once(message, "end");
    await drained;
  });

  test("tells the client of a waiting request that the connection ends with it", async () => {
    const { drain, send } = await setUp();
    const { response, answer } = await send();
    const drained = drain();
    response.end("done");
    expect((await answer).headers.connection).toBe("close");
    await drained;
  });
});
