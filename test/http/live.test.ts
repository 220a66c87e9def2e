import { expect, it } from "vitest";
import type { Viewer } from "../../src/live/live.ts";
import { createTestAccess } from "../keys/support.ts";
import { createTestApp } from "./support.ts";

const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const FROM_ELSEWHERE = { incoming: { socket: { remoteAddress: "192.0.2.1" } } };

function createBench() {
  const viewers = new Set<Viewer>();
  const { app } = createTestApp({
    live: {
      async watch(viewer) {
        if (viewers.size >= 2) return undefined;
        viewers.add(viewer);
        return { first: "event: history\ndata: {}\n\n", leave: () => void viewers.delete(viewer) };
      },
    },
  });
  return {
    viewers,
    show(frame: string) {
      for (const { show } of viewers) show(frame);
    },
    async open() {
      const response = await app.request("/admin/live", {}, FROM_HERE);
      const reader = response.body?.getReader();
      return {
        response,
        async read() {
          const { value } = (await reader?.read()) ?? {};
          return value && new TextDecoder().decode(value);
        },
        leave: () => reader?.cancel(),
      };
    },
  };
}

it("streams what was seen, and then each snapshot", async () => {
  const { open, show } = createBench();
  const { response, read } = await open();
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  expect(await read()).toBe("event: history\ndata: {}\n\n");
  const next = read();
  show("one");
  expect(await next).toBe("one");
});

it("gives a slow viewer the newest snapshot, and keeps none for it", async () => {
  const { open, show } = createBench();
  const { read } = await open();
  await read();
  for (let second = 0; second < 1_000; second += 1) show(`second ${second};`);
  const read1 = await read();
  show("the next");
  const seen = [read1, await read()].join("");
  expect(seen).toContain("the next");
  // What was on its way already may be there, too, and nothing else.
  expect(seen.match(/second \d+;/g)?.length ?? 0).toBeLessThanOrEqual(2);
});

it("forgets a viewer that leaves, and ends for all that are left", async () => {
  const { viewers, open } = createBench();
  const [one, other] = [await open(), await open()];
  await one.leave();
  expect(viewers.size).toBe(1);
  for (const { end } of viewers) end();
  expect(await other.read()).toContain("history");
  expect(await other.read()).toBeUndefined();
});

it("refuses one viewer too many", async () => {
  const { open } = createBench();
  await Promise.all([open(), open()]);
  const { response } = await open();
  expect(response.status).toBe(429);
});

it("is for admins, and without keys for this machine", async () => {
  const { app } = createTestApp({ live: { watch: async () => undefined } });
  expect((await app.request("/admin/live", {}, FROM_ELSEWHERE)).status).toBe(403);
  const { access, secret } = await createTestAccess();
  const withKeys = createTestApp({ access, live: { watch: async () => undefined } }).app;
  expect((await withKeys.request("/admin/live", {}, FROM_HERE)).status).toBe(401);
  const headers = { authorization: `Bearer ${secret}` };
  expect((await withKeys.request("/admin/live", { headers }, FROM_HERE)).status).toBe(403);
});

it("says so where there is nothing to follow", async () => {
  expect((await createTestApp().app.request("/admin/live", {}, FROM_HERE)).status).toBe(404);
});
