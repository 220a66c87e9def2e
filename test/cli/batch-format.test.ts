import { describe, expect, it } from "vitest";
import { formatState } from "../../src/cli/batch/format.ts";
import type { WireBatch } from "../../src/cli/batch/wire.ts";

const BEGAN_SECONDS = 1_000;

function batch(completed: number, perSecond: number): WireBatch {
  return {
    ...{
      id: "batch_1",
      status: "in_progress",
      endpoint: "/v1/responses",
      input_file_id: "file_1",
      created_at: 1,
      expires_at: 9,
    },
    ...{ output_file_id: null, error_file_id: null, errors: null, in_progress_at: BEGAN_SECONDS },
    request_counts: { total: 500, completed, failed: 0 },
    sluice: { requests_per_second: perSecond, eta_seconds: 3, paused: null },
  };
}

describe("a batch's state", () => {
  it("has no rate and no time left while only a few requests, which came at once, tell of them", () => {
    expect(formatState(batch(1, 199), BEGAN_SECONDS * 1000 + 400)).toBe("in_progress: 1 of 500 (0 %)");
  });

  it("has both after some requests, or after some time", () => {
    const both = (done: number, rate: string) =>
      `in_progress: ${done} of 500 (${done === 1 ? 0 : 1} %), ${rate}, 3 s left`;
    expect(formatState(batch(8, 20), BEGAN_SECONDS * 1000 + 400)).toBe(both(8, "20/s"));
    expect(formatState(batch(1, 0.4), BEGAN_SECONDS * 1000 + 2_500)).toBe(both(1, "0.4/s"));
  });
});
