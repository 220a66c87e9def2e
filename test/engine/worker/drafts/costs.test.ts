import { describe, expect, test } from "vitest";
import { type Curve, canPay, createCallCosts, measureCurve } from "../../../../src/engine/worker/drafts/costs.ts";
import { createFakeBatcher } from "../fake-backend.ts";

/** SmolLM2 135M on two cores. */
const SMALL: Curve = [
  { tokens: 1, ms: 10 },
  { tokens: 2, ms: 20 },
  { tokens: 4, ms: 34 },
  { tokens: 8, ms: 46 },
  { tokens: 16, ms: 92 },
];
const MEMORY_BOUND: Curve = [
  { tokens: 1, ms: 30 },
  { tokens: 16, ms: 36 },
];

describe("the costs of calls", () => {
  test("lie on the curve, and beyond it on its last line", () => {
    const { plainMs, draftMs } = createCallCosts(SMALL);
    expect([0, 1, 3, 8].map(plainMs)).toEqual([0, 10, 27, 46]);
    expect([2, 6, 16, 32].map(draftMs)).toEqual([20, 40, 92, 184]);
  });

  test("of a curve with one point are in proportion", () => {
    expect(createCallCosts([{ tokens: 1, ms: 5 }]).draftMs(4)).toBe(20);
  });

  test("follow the calls that were made", () => {
    const costs = createCallCosts(MEMORY_BOUND);
    for (let call = 0; call < 50; call++) costs.recordPlain(1, 45);
    expect(costs.plainMs(1)).toBeCloseTo(45, 1);
    expect(costs.draftMs(16)).toBeCloseTo(54, 1);
    for (let call = 0; call < 50; call++) costs.recordDraft(16, 90);
    expect(costs.draftMs(16)).toBeCloseTo(90, 1);
    expect(costs.plainMs(1)).toBeCloseTo(45, 1);
  });

  test("are not changed much by one delayed call, and forget it", () => {
    const costs = createCallCosts(MEMORY_BOUND);
    costs.recordDraft(16, 5_000);
    expect(costs.draftMs(16)).toBeCloseTo(36 * 1.2);
    for (let call = 0; call < 2_000; call++) costs.recordPlain(1, 30);
    expect(costs.draftMs(16)).toBeCloseTo(36, 1);
  });

  test("tell whether drafts can pay at all", () => {
    expect(canPay(MEMORY_BOUND)).toBe(true);
    expect(canPay(SMALL)).toBe(true);
    expect(canPay([1, 2, 4, 8, 16].map((tokens) => ({ tokens, ms: tokens * 10 })))).toBe(false);
    expect(canPay([])).toBe(false);
  });
});

describe("the measurement of the curve", () => {
  /** Measures with a clock that goes on by `msPerToken` for each token evaluated. */
  async function measure(options: { msPerToken: number; contextTokens?: number; canTruncate?: boolean }) {
    const { msPerToken, contextTokens = 100, canTruncate = true } = options;
    const batcher = createFakeBatcher({ slots: 2, contextTokens, maxBatchTokens: 64, canTruncate });
    const evaluated = () => batcher.calls.flat().reduce((sum, { tokens }) => sum + tokens.length, 0);
    const measured = measureCurve(
      {
        ...batcher,
        decode() {
          const decoded = batcher.decode();
          batcher.finishDecode();
          return decoded;
        },
      },
      [3, 4, 5],
      () => evaluated() * msPerToken,
    );
    return { curve: await measured, batcher };
  }

  test("times calls of all sizes, and leaves the slot empty", async () => {
    const { curve, batcher } = await measure({ msPerToken: 2 });
    expect(curve).toEqual([1, 2, 4, 8, 16].map((tokens) => ({ tokens, ms: tokens * 2 })));
    expect(batcher.calls).toHaveLength(16);
    expect(batcher.truncate(0, 0)).toBe(true);
    expect(batcher.calls.flat().every(({ slot, position }) => slot === 0 && position === 0)).toBe(true);
  });

  test("is undefined if the model can't drop single tokens", async () => {
    const { curve, batcher } = await measure({ msPerToken: 2, canTruncate: false });
    expect(curve).toBeUndefined();
    expect(batcher.calls).toHaveLength(1);
  });

  test("ends soon on a slow machine", async () => {
    const { curve, batcher } = await measure({ msPerToken: 1_100 });
    expect(curve).toEqual([1, 2].map((tokens) => ({ tokens, ms: tokens * 1_100 })));
    expect(batcher.calls).toHaveLength(3);
  });

  test("makes no call that is larger than the context", async () => {
    const { curve } = await measure({ msPerToken: 1, contextTokens: 10 });
    expect(curve?.map(({ tokens }) => tokens)).toEqual([1, 2, 4, 8]);
  });
});
