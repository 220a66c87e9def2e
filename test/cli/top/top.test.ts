import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createGatewayClient } from "../../../src/cli/gateway-client.ts";
import { run } from "../../../src/cli/run.ts";
import { follow } from "../../../src/cli/top/follow.ts";
import { fakeContext, fakeOutput } from "../fake-context.ts";
import { snapshotAt } from "./support.ts";

const NOON = Date.UTC(2026, 10, 29, 12);

let server: Server;
let url: string;
let viewers: ServerResponse[];
let arrived: PromiseWithResolvers<ServerResponse>;
let status: number;

beforeEach(async () => {
  viewers = [];
  status = 200;
  arrived = Promise.withResolvers();
  server = createServer((_, response) => {
    response.writeHead(status, { "content-type": "text/event-stream" }).flushHeaders();
    if (status !== 200) response.end('{"error":{"message":"Admins only."}}');
    viewers.push(response);
    arrived.resolve(response);
    arrived = Promise.withResolvers();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const show = (to: ServerResponse, data: object) => to.write(`event: x\ndata: ${JSON.stringify(data)}\n\n`);

/** Tells each viewer what was and what is, once it looks. */
async function tellNext(at = NOON): Promise<ServerResponse> {
  const viewer = await arrived.promise;
  const { point, events } = snapshotAt(at - 1_000);
  show(viewer, { object: "live.history", points: [point], events });
  show(viewer, snapshotAt(at));
  return viewer;
}

describe("sluice top, without a terminal", () => {
  it("prints one snapshot, without colours", async () => {
    const telling = tellNext();
    const context = fakeContext();
    expect(await run(["top", "--url", url], context)).toBe(0);
    await telling;
    expect(context.stdout.text()).toContain("SLOTS  2 of 3 in use");
    expect(context.stdout.text()).not.toContain("\u001b");
  });

  it("prints a line of JSON for each with --json, until a signal", async () => {
    const context = fakeContext();
    const running = run(["top", "--url", url, "--json"], context);
    const viewer = await tellNext();
    await context.stdout.until("\n");
    show(viewer, snapshotAt(NOON + 1_000, { version: "0.1.0\u009b\u202e" }));
    await context.stdout.until("\\u009b\\u202e");
    context.process.emit("SIGINT", "SIGINT");
    expect(await running).toBe(130);
    const lines = context.stdout.text().trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).point.at)).toEqual([NOON, NOON + 1_000]);
  });

  it("prints one object with --once --json", async () => {
    const telling = tellNext();
    const context = { ...fakeContext(), stdout: fakeOutput({ isTTY: true }) };
    expect(await run(["top", "--url", url, "--once", "--json"], context)).toBe(0);
    await telling;
    expect(JSON.parse(context.stdout.text())).toMatchObject({ object: "live.snapshot" });
  });

  it("ends with 3 where no gateway responds, and with 4 where it refuses", async () => {
    expect(await run(["top", "--url", "http://127.0.0.1:9"], fakeContext())).toBe(3);
    status = 403;
    const context = fakeContext();
    expect(await run(["top", "--url", url], context)).toBe(4);
    expect(context.stderr.text()).toContain("Admins only.");
  });
});

it("says so where the gateway's snapshots are of another version", async () => {
  const context = fakeContext();
  const running = run(["top", "--url", url], context);
  show(await arrived.promise, { object: "live.snapshot", version: "9.0.0" });
  expect(await running).toBe(1);
  expect(context.stderr.text()).toContain("The gateway is of another version");
});

describe("what a gateway tells", () => {
  const begin = (signal: AbortSignal) =>
    follow(createGatewayClient(url, {}, signal), signal, { silenceMs: 200, retryMs: 1 });

  it("goes on after the gateway was away, with what was seen before in between", async () => {
    const leaving = new AbortController();
    const telling = begin(leaving.signal);
    const first = telling.next();
    const viewer = await tellNext();
    expect((await first).value).toMatchObject({ lost: undefined, points: [{ at: NOON - 1_000 }, { at: NOON }] });
    const again = tellNext(NOON + 9_000);
    viewer.destroy();
    expect((await telling.next()).value).toMatchObject({ lost: expect.any(String), snapshot: { point: { at: NOON } } });
    const coming = telling.next();
    await again;
    // It may have been tried in vain before.
    let { value: next } = await coming;
    while (next.lost !== undefined) ({ value: next } = await telling.next());
    expect(next.snapshot?.point.at).toBe(NOON + 9_000);
    // An event that both tell is there once.
    expect(next.events).toHaveLength(2);
    leaving.abort(new Error("left"));
    await expect(telling.next()).rejects.toThrow("left");
  });

  it("is asked for again where the connection is silent", async () => {
    const leaving = new AbortController();
    const telling = begin(leaving.signal);
    const first = telling.next();
    await tellNext();
    await first;
    const again = tellNext(NOON + 5_000);
    expect((await telling.next()).value).toMatchObject({ lost: "The gateway has said nothing for 0.2 s." });
    const coming = telling.next();
    await again;
    expect((await coming).value).toMatchObject({ lost: undefined, snapshot: { point: { at: NOON + 5_000 } } });
    leaving.abort();
  });
});
