import { describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { embedderBytes, engineBytes, memoryBudget } from "../../src/gateway/memory-budget.ts";
import { GIB, MODEL } from "../cli/doctor/support.ts";

const MIB = 1024 ** 2;

describe("the memory that models may take", () => {
  it("is what the settings say", () => {
    expect(memoryBudget(configSchema.parse({ memory: "6GiB" }), [MODEL], () => 1 * GIB)).toBe(6 * GIB);
  });

  it("is nine tenths of what is free otherwise, and at least what the models of the start need", () => {
    const config = configSchema.parse({});
    expect(memoryBudget(config, [MODEL], () => 10 * GIB)).toBe(9 * GIB);
    expect(memoryBudget(config, [MODEL, MODEL], () => 0.5 * GIB)).toBe(
      2 * (engineBytes(MODEL, config) + embedderBytes(MODEL)),
    );
  });

  it("is a whole number of bytes, as it is told", () => {
    expect(memoryBudget(configSchema.parse({}), [], () => 10 * GIB + 1)).toBe(9 * GIB + 1);
  });

  it("counts a model's file, the slots of its own settings, and its process", () => {
    const slots = (count: number, context: number) => 23_040 * count * context;
    const rest = MODEL.sizeBytes + 256 * MIB;
    expect(engineBytes(MODEL, { slots: 4, context: "auto" })).toBe(rest + slots(4, 4096));
    expect(engineBytes(MODEL, { slots: 2, context: 1024 })).toBe(rest + slots(2, 1024));
    const own = configSchema.parse({ perModel: ["small.slots=64"] });
    expect(memoryBudget(own, [MODEL], () => 0)).toBe(rest + slots(64, 4096) + embedderBytes(MODEL));
  });
});
