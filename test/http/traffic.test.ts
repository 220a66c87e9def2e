import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Connection, followTraffic } from "../../src/http/traffic.ts";

/** A server that answers when it is told to, and a client with one connection. */
async function setUp() {
  const told: string[] = [];
  const arrived: ServerResponse[] = [];
  let connection: Connection | undefined;
  const server = createServer((incoming, response) => {
    incoming.resume().on("end", () => {
      arrived.push(response);
      server.emit("arrived", arrived.length);
    });
  });
  const traffic = followTraffic(server);
  traffic.listen({
    opened(opened) {
      connection = opened;
      told.push("opened");
    },
    asked: () => void told.push("asked"),
    answered() {
      told.push("answered");
      server.emit("answered");
    },
    closed() {
      told.push("closed");
      server.emit("closed");
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.resume();
  onTestFinished(() => {
    client.destroy();
    server.close();
    server.closeAllConnections();
  });
  await once(server, "connection");
  if (connection === undefined) throw new Error("no connection was told of");
  return {
    ...{ server, traffic, client, told, connection },
    /** Sends requests without waiting for answers; resolves with their responses when the server has all of them. */
    async ask(count: number): Promise<readonly ServerResponse[]> {
      const before = arrived.length;
      client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}".repeat(count));
      while (arrived.length < before + count) await once(server, "arrived");
      return arrived.slice(before);
    },
  };
}

describe("the traffic of a server", () => {
  test("has each request in hand until its answer is sent, also where a client sends several at once", async () => {
    const { server, connection, ask, told } = await setUp();
    const responses = await ask(3);
    expect(connection.inHand).toEqual(responses);
    for (const [index, response] of responses.entries()) {
      response.end("done");
      await once(server, "answered");
      expect(connection.inHand).toEqual(responses.slice(index + 1));
    }
    expect(told).toEqual(["opened", "asked", "asked", "asked", "answered", "answered", "answered"]);
  });

  test("has nothing in hand of a client that left, whose connection is no longer open", async () => {
    const { server, traffic, connection, client, ask } = await setUp();
    await ask(1);
    expect([...traffic.open]).toEqual([connection]);
    const hasClosed = once(server, "closed");
    client.destroy();
    await hasClosed;
    if (connection.inHand.length > 0) await once(server, "answered");
    expect(connection.inHand).toEqual([]);
    expect([...traffic.open]).toEqual([]);
  });

  test("goes on over a connection that is kept", async () => {
    const { server, connection, ask, told } = await setUp();
    for (let time = 0; time < 2; time++) {
      const [response] = await ask(1);
      response?.end("done");
      await once(server, "answered");
      expect(connection.inHand).toEqual([]);
    }
    expect(told).toEqual(["opened", "asked", "answered", "asked", "answered"]);
  });
});
