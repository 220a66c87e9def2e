import { describe, expect, it } from "vitest";
import { createState } from "../../src/store/state.ts";
import { modelOf, reportOf } from "../cli/compare/support.ts";
import { createTestApp } from "./support.ts";

const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const FROM_ELSEWHERE = { incoming: { socket: { remoteAddress: "192.0.2.1" } } };
const KEEP_ALL = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxEntries: 1_000 };

function createBench() {
  const state = createState({ file: ":memory:", retention: KEEP_ALL });
  const { app } = createTestApp({ state });
  return { state, app, show: async () => (await app.request("/admin/comparison", {}, FROM_HERE)).json() };
}

describe("GET /admin/comparison", () => {
  it("shows what was measured last", async () => {
    const { state, show } = createBench();
    const models = [
      modelOf("Q8_0", { speed: 10, sizeBytes: 800, divergence: 0 }),
      modelOf("another", { speed: 25, sizeBytes: 300, rise: 0.4 }),
    ];
    state.usage.exists();
    state.comparisons.add(reportOf([], { createdMs: 1_000 }));
    state.comparisons.add(reportOf(models, { createdMs: 5_999, isQuiet: false }));
    expect(await show()).toMatchObject({
      object: "list",
      data: [
        {
          ...{ object: "comparison", created_at: 5, quiet: false, reference: "Q8_0" },
          models: [
            { id: "Q8_0", size_bytes: 800, divergence: { value: 0 }, presets: null, joules: null },
            { id: "another", rates: [{ context: 512, decode: { value: 25 } }], rise: { value: 0.4 }, divergence: null },
          ],
        },
      ],
    });
  });

  it("is empty if nothing was", async () => {
    expect(await createBench().show()).toEqual({ object: "list", data: [] });
  });

  it("is for admins", async () => {
    const { app } = createBench();
    expect((await app.request("/admin/comparison", {}, FROM_ELSEWHERE)).status).toBe(403);
  });
});
