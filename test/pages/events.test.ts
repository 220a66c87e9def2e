import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { StreamState } from "../../pages/api/events.ts";

/** What a browser has, and Node has not. */
function stubStorage(): void {
  const items = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
    removeItem: (name: string) => void items.delete(name),
  });
}

beforeEach(() => {
  stubStorage();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const stream = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });

/** Follows answers one after another, until there is none left. */
async function followAll(...answers: readonly (() => Response)[]) {
  const { followEvents } = await import("../../pages/api/events.ts");
  const left = new AbortController();
  const requests: Headers[] = [];
  const events: string[] = [];
  const states: StreamState[] = [];
  const queue = [...answers];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    requests.push(new Headers(init.headers));
    const next = queue.shift();
    if (next !== undefined) return next();
    left.abort();
    throw new DOMException("left", "AbortError");
  });
  const followed = followEvents(
    "/admin/live",
    { onEvent: ({ data }) => void events.push(data), onState: (state) => void states.push(state) },
    left.signal,
  );
  await vi.runAllTimersAsync();
  await followed;
  return { requests, events, states };
}

it("goes on after the last event that it has, when a connection ends", async () => {
  const { requests, events } = await followAll(
    () => stream("id: 1\ndata: one\n\nid: 2\ndata: two\n\n"),
    () => stream("id: 3\ndata: three\n\n"),
  );
  expect(events).toEqual(["one", "two", "three"]);
  expect(requests.map((headers) => headers.get("last-event-id"))).toEqual([null, "2", "3"]);
});

it("tries again after failures, a little later each time", async () => {
  const busy = () => new Response("{}", { status: 503 });
  const { states } = await followAll(busy, busy, () => stream("data: one\n\n"), busy);
  const pauses = states.flatMap((state) => (state.type === "waiting" ? [state.retryMs] : []));
  expect(pauses.slice(0, 3)).toEqual([500, 1_000, 500]);
});

it("gives up where another try can't help, and asks for a key where that is why", async () => {
  const error = { message: "Incorrect API key provided", type: "invalid_request_error", code: "invalid_api_key" };
  const { requests, states } = await followAll(() => Response.json({ error }, { status: 401 }));
  expect(requests).toHaveLength(1);
  expect(states.at(-1)).toMatchObject({ type: "refused", error: { message: error.message, status: 401 } });
  const { keyWanted } = await import("../../pages/api/key.ts");
  expect(keyWanted.value).toContain("This gateway needs a key.");
});

it("sends the key that was given", async () => {
  const { setKey } = await import("../../pages/api/key.ts");
  setKey("sk-1");
  const { requests } = await followAll(() => stream("data: one\n\n"));
  setKey(undefined);
  expect(requests[0]?.get("authorization")).toBe("Bearer sk-1");
});
