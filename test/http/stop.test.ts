import { expect, it } from "vitest";
import { createTestApp } from "./support.ts";

const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const FROM_ELSEWHERE = { incoming: { socket: { remoteAddress: "192.0.2.1" } } };
const JSON_BODY = { "content-type": "application/json" };

function bench() {
  const asked: boolean[] = [];
  const { app } = createTestApp({
    requestStop(isNow) {
      asked.push(isNow);
      return { delayMs: 1, graceMs: 2 };
    },
  });
  const post = (body: string, headers: Record<string, string> = JSON_BODY, from: object = FROM_HERE) =>
    app.request("/admin/stop", { method: "POST", body, headers }, from);
  return { asked, post };
}

it("stops at the word of this machine, and says what is waited for", async () => {
  const { asked, post } = bench();
  const response = await post("{}");
  expect([response.status, await response.json()]).toEqual([
    202,
    expect.objectContaining({
      pid: process.pid,
      running: 0,
      waiting: 0,
      delay_ms: 1,
      grace_ms: 2,
      service_manager: null,
    }),
  ]);
  expect((await post('{"now":true}')).status).toBe(202);
  expect(asked).toEqual([false, true]);
});

it.each([
  ["another machine, while there are no keys", "{}", JSON_BODY, FROM_ELSEWHERE, 403],
  ["a page of another site", "{}", { "content-type": "text/plain", origin: "https://evil.example" }, FROM_HERE, 415],
  ["an unknown field", '{"soon":true}', JSON_BODY, FROM_HERE, 400],
])("isn't stopped by %s", async (_, body, headers, from, status) => {
  const { asked, post } = bench();
  expect((await post(body, headers, from)).status).toBe(status);
  expect(asked).toEqual([]);
});

it("can't be stopped where it is part of another program", async () => {
  const { app } = createTestApp({ requestStop: "none" });
  const response = await app.request("/admin/stop", { method: "POST", body: "{}", headers: JSON_BODY }, FROM_HERE);
  expect([response.status, await response.text()]).toEqual([501, expect.stringContaining("not_stoppable")]);
});
