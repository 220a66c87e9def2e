import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { takeTurn } from "../../src/http/loop-turns.ts";
import { listen } from "../../src/http/server.ts";

const CHATS = 100;
const WIDE = {
  ...{ headerTimeoutMs: 60_000, bodyTimeoutMs: 60_000, minBodyRate: 1 },
  ...{ keepAliveMs: 60_000, readTimeoutMs: 60_000, maxConnections: 1_000 },
};

describe("requests that arrive together", () => {
  it("continue in the order of their arrival, running ones first", async () => {
    const seen: string[] = [];
    const note = (what: string) => () => void seen.push(what);
    await Promise.all([takeTurn().then(note("a")), takeTurn().then(note("b")), takeTurn(true).then(note("begun"))]);
    expect(seen).toEqual(["begun", "a", "b"]);
  });

  it("continue one per turn of the event loop when each takes long", async () => {
    const seen: string[] = [];
    const work = (what: string) => () => {
      for (const endMs = performance.now() + 2; performance.now() < endMs; );
      seen.push(what);
    };
    const turns = ["a", "b", "c"].map((what) => takeTurn().then(work(what)));

    for (const turn of [1, 2, 3]) {
      await setImmediate();
      seen.push(`after turn ${turn}`);
    }
    await Promise.all(turns);

    expect(seen).toEqual(["a", "after turn 1", "b", "after turn 2", "c", "after turn 3"]);
  });

  it.for([
    { title: "over connections that are open", areOpen: true },
    { title: "over new connections", areOpen: false },
  ])("don't delay a later probe, $title", async ({ areOpen }) => {
    let served: string[] = [];
    const fetch = async (request: Request) => {
      served.push(new URL(request.url).pathname);
      // What a request takes until it waits for something.
      for (const endMs = performance.now() + 1; performance.now() < endMs; );
      return new Response();
    };
    const { server, url } = await listen({ fetch }, { ...WIDE, host: "127.0.0.1", port: 0 });
    const sockets = Array.from({ length: CHATS + 1 }, () =>
      connect({ host: "127.0.0.1", port: Number(new URL(url).port) }),
    );
    const ask = (lines: (index: number) => string) =>
      Promise.all(
        sockets.map(async (socket, index) => {
          socket.write(`${lines(index)} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`);
          await once(socket, "data");
        }),
      );
    if (areOpen) await ask(() => "GET /health");

    served = [];
    await ask((index) => (index < CHATS ? "POST /chat" : "GET /health"));
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));

    expect(served).toHaveLength(CHATS + 1);
    expect(served.indexOf("/health")).toBeLessThan(CHATS / 2);
  });
});
