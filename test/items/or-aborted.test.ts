import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { orAborted } from "../../src/items/or-aborted.ts";

describe("work that is given up when a signal is aborted", () => {
  it("keeps nothing at the signal when it is done or has failed", async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(orAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("is given up, at once if the signal was aborted before", async () => {
    const leaving = new AbortController();
    const endless = new Promise<number>(() => {});
    const waiting = orAborted(endless, leaving.signal);
    leaving.abort();
    expect(await waiting).toBeUndefined();
    expect(await orAborted(endless, leaving.signal)).toBeUndefined();
  });
});
