import { describe, expect, it } from "vitest";
import { createTestApp, jsonInit } from "./support.ts";

/** What the server's adapter tells of the connection. */
const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };

async function ask(method: string, path: string, body?: object) {
  const init = body === undefined ? { method } : { ...jsonInit(body), method };
  const response = await createTestApp({}).app.request(path, init, FROM_HERE);
  const { error } = Object(await response.json());
  return { status: response.status, ...error };
}

describe("a wrong value for the operator", () => {
  it.each([
    ["/admin/usage?since=foo", "since", "a day such as 2026-11-22"],
    ["/admin/usage?until=2026-13-01", "until", "a day such as 2026-11-22"],
    ["/admin/routes?at=noon", "at", "a time such as 2026-11-22T08:30:00Z"],
    ["/admin/routes?tokens=many", "tokens", "a number from 0 to 1000000000"],
    ["/admin/requests?limit=all", "limit", "a whole number from 1 to 1000"],
    ["/admin/requests?min_ms=1s", "min_ms", "a number of milliseconds such as 250"],
  ])("is told what is expected, without a regular expression: %s", async (path, param, expected) => {
    const message = `Invalid '${param}': string does not match pattern. Expected ${expected}.`;
    expect(await ask("GET", path)).toMatchObject({ status: 400, param, message });
  });
});

describe("a parameter that the operator's routes don't have", () => {
  it.each([
    ["GET", "/admin/usage?x=1", "key, model, since, until, limit, offset"],
    ["GET", "/admin/requests?x=1", "limit, before, model, key, class, state, min_ms, lost"],
    ["GET", "/admin/keys?x=1", "limit, after"],
    ["GET", "/admin/routes?x=1", "route, class, "],
    ["DELETE", "/admin/cache?x=1", "model, key, preset"],
    ["POST", "/admin/cache/warm?x=1", "preset"],
    ["POST", "/v1/stream?x=1", "preset, endpoint, order, in_flight, class, idle_seconds"],
  ])("is refused with those that there are: %s %s", async (method, path, known) => {
    expect(await ask(method, path)).toMatchObject({
      ...{ status: 400, param: "x", code: "unknown_parameter" },
      message: expect.stringContaining(`Unknown parameter: 'x'. Known are ${known}`),
    });
  });

  it.each([
    ["/admin/keys", { name: "a", x: 1 }, "x", "name, expires, models, class, "],
    ["/admin/models/promote", { model: "m", x: 1 }, "x", "model"],
    ["/admin/what-if", { spill: { after_ms: 1, x: 1 } }, "spill.x", "after_ms, "],
  ])("is refused in the body, too: %s", async (path, body, param, known) => {
    expect(await ask("POST", path, body)).toMatchObject({
      ...{ status: 400, param, code: "unknown_parameter" },
      message: expect.stringContaining(`Unknown parameter: '${param}'. Known are ${known}`),
    });
  });
});
