import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMetrics, type Family } from "../../../src/telemetry/metrics/registry.ts";
import { readMetrics, sampleOf } from "../../fixtures/read-metrics.ts";

const COUNTER: Family = { name: "things_total", type: "counter", help: "Things", labels: ["kind", "of"] };
const GAUGE: Family = { name: "level", type: "gauge", help: "A level\nwith \\ signs" };
const TIMES: Family = { name: "time_seconds", type: "histogram", help: "Time", labels: ["of"], buckets: [0.1, 1, 10] };

describe("metrics in Prometheus' text format", () => {
  it("are read again as they were counted, whatever the labels are", () => {
    const labels = fc.uniqueArray(fc.tuple(fc.string({ unit: "binary" }), fc.nat(1_000_000)), {
      selector: ([label]) => label,
      maxLength: 8,
    });
    fc.assert(
      fc.property(labels, (counts) => {
        const metrics = createMetrics([COUNTER]);
        for (const [label, count] of counts) {
          metrics.value(COUNTER, label, "x").add(count);
          metrics.value(COUNTER, label, "x").add(1);
        }
        const text = metrics.write();
        for (const [kind, count] of counts) expect(sampleOf(text, "things_total", { kind })).toBe(count + 1);
      }),
    );
  });

  it("put each value of a histogram into all buckets whose bound it does not exceed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(0.1, 1, 10))),
        (values) => {
          const metrics = createMetrics([TIMES]);
          const times = metrics.distribution(TIMES, "a");
          for (const value of values) times.observe(value);
          const text = metrics.write();
          for (const bound of ["0.1", "1", "10", "+Inf"]) {
            const most = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
            expect(sampleOf(text, "time_seconds_bucket", { le: bound })).toBe(
              values.filter((one) => one <= most).length,
            );
          }
          expect(sampleOf(text, "time_seconds_count")).toBe(values.length);
          expect(sampleOf(text, "time_seconds_sum")).toBeCloseTo(
            values.reduce((sum, one) => sum + one, 0),
            6,
          );
        },
      ),
    );
  });

  it("show a family's help and type once, and leave out families without a series", () => {
    const metrics = createMetrics([COUNTER, GAUGE, TIMES]);
    metrics.value(GAUGE).set(-1.5);
    expect(metrics.write()).toBe("# HELP level A level\\nwith \\\\ signs\n# TYPE level gauge\nlevel -1.5\n");
    metrics.clear(GAUGE);
    expect(metrics.write()).toBe("");
  });

  it("are bounded: what is beyond a thousand series is counted as one", () => {
    const metrics = createMetrics([COUNTER]);
    for (let index = 0; index < 5_000; index += 1) metrics.value(COUNTER, `kind-${index}`, "x").add(1);
    const { samples } = readMetrics(metrics.write());
    expect(samples.length).toBe(1_001);
    expect(sampleOf(metrics.write(), "things_total", { kind: "other", of: "other" })).toBe(4_000);
  });

  it("refuse a wrong number of labels, a wrong use, and a family of no table", () => {
    const metrics = createMetrics([COUNTER, TIMES]);
    expect(() => metrics.value(COUNTER, "a")).toThrow("things_total has the labels kind, of");
    expect(() => metrics.distribution(COUNTER, "a", "b").observe(1)).toThrow("another type");
    expect(() => metrics.value(TIMES, "a").add(1)).toThrow("another type");
    expect(() => metrics.value(GAUGE)).toThrow("in no table");
  });
});
