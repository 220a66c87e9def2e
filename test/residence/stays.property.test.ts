import fc from "fast-check";
import { expect, test } from "vitest";
import { createStays } from "../../src/residence/stays.ts";

const DEFAULT_MS = 1_000;
const tenant = fc.constantFrom("alice", "bob", "carol");
const ms = fc.option(fc.nat(5_000), { nil: undefined });

test("a model stays for each tenant as long as it said, whatever the others say", () => {
  const step = fc.record({ tenant, isUse: fc.boolean(), ms, passedMs: fc.nat(2_000) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (steps) => {
      const stays = createStays(DEFAULT_MS);
      const untilMs = new Map<string, { readonly keepMs: number | undefined; readonly usedMs: number }>();
      let nowMs = 0;
      for (const step of steps) {
        nowMs += step.passedMs;
        const before = untilMs.get(step.tenant);
        if (step.isUse) stays.used(step.tenant, nowMs);
        else stays.set(step.ms, { tenant: step.tenant, isForAll: false }, nowMs);
        const keepMs = step.isUse ? (before === undefined ? DEFAULT_MS : before.keepMs) : step.ms;
        untilMs.set(step.tenant, { keepMs, usedMs: nowMs });
        const leftMs = stays.leftMs(nowMs, nowMs, 0) ?? Number.POSITIVE_INFINITY;
        for (const { keepMs: kept = Number.POSITIVE_INFINITY, usedMs } of untilMs.values()) {
          expect(leftMs).toBeGreaterThanOrEqual(usedMs + kept - nowMs);
        }
      }
    }),
  );
});

test("an administrator's word ends what was said before, and holds for who comes after", () => {
  const stays = createStays(DEFAULT_MS);
  stays.set(undefined, { tenant: "alice", isForAll: false }, 0);
  stays.set(50, { tenant: "root", isForAll: true }, 100);
  expect(stays.leftMs(100, 100, 0)).toBe(50);
  stays.used("bob", 200);
  expect(stays.leftMs(200, 200, 0)).toBe(50);
  stays.clear();
  expect(stays.leftMs(200, 200, 0)).toBe(DEFAULT_MS);
});

test("a load that takes longer than a model stays is not in vain", () => {
  const stays = createStays(DEFAULT_MS);
  stays.used("alice", 0);
  expect(stays.leftMs(5_000, 0, 5_000)).toBe(DEFAULT_MS);
});

test("the memory for tenants is bounded, and who stays longest is not forgotten", () => {
  const stays = createStays(DEFAULT_MS);
  stays.set(1e9, { tenant: "alice", isForAll: false }, 0);
  for (let index = 0; index < 5_000; index++) stays.used(`tenant ${index}`, index);
  expect(stays.leftMs(5_000, 5_000, 0)).toBe(1e9 - 5_000);
});
