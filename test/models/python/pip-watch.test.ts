import { describe, expect, it } from "vitest";
import { createWatch } from "../../../src/models/python/pip-watch.ts";

const watch = () => createWatch({ startedAt: 0, reachTimeoutMs: 5_000, stallTimeoutMs: 30_000 });
const asleep = { bytes: 0, isAwake: false, isReached: false };
const awake = { bytes: 0, isAwake: true, isReached: false };
const running = (bytes: number) => ({ bytes, isAwake: true, isReached: true });

describe("createWatch", () => {
  it("gives the index five seconds from the start", () => {
    const judge = watch();
    expect(judge({ at: 800, ...awake })).toBeUndefined();
    expect(judge({ at: 4_999, ...awake })).toBeUndefined();
    expect(judge({ at: 5_000, ...awake })?.message).toBe(
      "the package index could not be reached: no answer within 5 s",
    );
  });

  it("does not blame the index for a Python that starts slowly", () => {
    const judge = watch();
    expect(judge({ at: 9_000, ...asleep })).toBeUndefined();
    expect(judge({ at: 10_000, ...awake })).toBeUndefined();
    expect(judge({ at: 12_999, ...awake })).toBeUndefined();
    expect(judge({ at: 13_000, ...awake })).toBeDefined();
  });

  it("gives up on a Python that never starts", () => {
    expect(watch()({ at: 30_000, ...asleep })?.message).toBe("pip did not start within 30 s");
  });

  it("lets a download run as long as it brings something", () => {
    const judge = watch();
    for (let minute = 0; minute < 60; minute++) {
      expect(judge({ at: minute * 29_000, ...running(minute) })).toBeUndefined();
    }
  });

  it("ends a download that has stalled, as something that may go better the next time", () => {
    const judge = watch();
    judge({ at: 1_000, ...running(10) });
    expect(judge({ at: 30_999, ...running(10) })).toBeUndefined();
    expect(judge({ at: 31_000, ...running(10) })).toMatchObject({
      isTransient: true,
      message: "pip received nothing for 30 s",
    });
  });
});
