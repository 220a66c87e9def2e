import { describe, expect, it } from "vitest";
import { createPace } from "../../src/upstream/pace.ts";

function measured(slots: number) {
  let nowMs = 0;
  const pace = createPace(slots, () => nowMs);
  const timing = pace.begin();
  nowMs = 300;
  timing.first();
  nowMs = 2_000;
  timing.end();
  return pace;
}

describe("the pace of an upstream", () => {
  it("is unknown until an answer has come", () => {
    const pace = createPace(2, () => 0);
    pace.begin().end();
    expect(pace.firstTokenMs({ waiting: 0, running: 0 })).toBeUndefined();
  });

  it("is the time to the first token while there is room", () => {
    expect(measured(2).firstTokenMs({ waiting: 0, running: 1 })).toBe(300);
  });

  it("adds the time until the requests before have ended", () => {
    const pace = measured(2);
    expect(pace.firstTokenMs({ waiting: 0, running: 2 })).toBe(300 + 1_000);
    expect(pace.firstTokenMs({ waiting: 3, running: 2 })).toBe(300 + 4_000);
  });
});
