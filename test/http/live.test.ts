import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { createAccess } from "../../src/keys/access.ts";
import { policySchema } from "../../src/keys/key.ts";
import { issueKey, revokeKey } from "../../src/keys/manage.ts";
import type { Viewer } from "../../src/live/live.ts";
import { createTestAccess } from "../keys/support.ts";
import { openState } from "../store/support.ts";
import { createTestApp, type TestAppOptions } from "./support.ts";

const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const FROM_ELSEWHERE = { incoming: { socket: { remoteAddress: "192.0.2.1" } } };

function createBench(options: TestAppOptions = {}) {
  const viewers = new Set<Viewer>();
  const { app } = createTestApp({
    ...options,
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
    async open(headers: Readonly<Record<string, string>> = {}) {
      const response = await app.request("/admin/live", { headers }, FROM_HERE);
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

/** A gateway's access with an admin's key. */
function createAdmin(expiresMs?: number) {
  const state = openState();
  const access = createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) });
  const policy = policySchema.parse({ admin: true });
  const { record, secret } = issueKey(state.keys, { name: "admin", expiresMs, policy }, Date.now());
  return { access, headers: { authorization: `Bearer ${secret}` }, revoke: () => revokeKey(state.keys, record.id) };
}

it("ends for a viewer whose key was revoked, before the next snapshot", async () => {
  const { access, headers, revoke } = createAdmin();
  const { viewers, open, show } = createBench({ access });
  const { read } = await open(headers);
  await read();
  const seen = read();
  show("one");
  expect(await seen).toBe("one");
  const next = read();
  revoke();
  show("two");
  expect(await next).toBeUndefined();
  expect(viewers.size).toBe(0);
});

it("ends for a viewer whose key has expired", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const { access, headers } = createAdmin(Date.now() + 60_000);
    const { open, show } = createBench({ access });
    const { read } = await open(headers);
    await read();
    const next = read();
    vi.setSystemTime(Date.now() + 60_000);
    show("one");
    expect(await next).toBeUndefined();
  } finally {
    vi.useRealTimers();
  }
});

it("ends for a viewer without a key once the gateway has keys", async () => {
  const state = openState();
  const access = createAccess({ config: { keysFile: "", apiKey: "" }, state, logger: pino({ level: "silent" }) });
  const { open, show } = createBench({ access });
  const { read } = await open();
  await read();
  const next = read();
  issueKey(
    state.keys,
    { name: "admin", expiresMs: undefined, policy: policySchema.parse({ admin: true }) },
    Date.now(),
  );
  show("one");
  expect(await next).toBeUndefined();
});
