import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEnergyMeter } from "../../../src/engine/worker/energy.ts";

/** A folder as Linux has it, with these counters in microjoules. */
function powercap(counters: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-rapl-"));
  const write = (name: string, count: string) => writeFileSync(join(folder, name, "energy_uj"), count);
  for (const [name, count] of Object.entries(counters)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "max_energy_range_uj"), "10000000\n");
    write(name, count);
  }
  return { folder, write, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

describe("the meter of energy", () => {
  it("adds up all processors, without counting their parts twice", () => {
    using files = powercap({ "intel-rapl:0": "1000000\n", "intel-rapl:1": "2000000\n", "intel-rapl:0:0": "500000\n" });
    const meter = openEnergyMeter(files.folder);
    expect(meter?.read()).toBe(3);
    files.write("intel-rapl:1", "4500000\n");
    expect(meter?.read()).toBe(5.5);
    meter?.close();
  });

  it("goes on where a counter begins again", () => {
    using files = powercap({ "intel-rapl:0": "9000000\n" });
    const meter = openEnergyMeter(files.folder);
    files.write("intel-rapl:0", "1000000\n");
    expect(meter?.read()).toBe(11);
    meter?.close();
  });

  it("does not exist where there are no counters, or none that can be read", () => {
    using none = powercap({});
    using broken = powercap({ "intel-rapl:0": "none\n" });
    expect(openEnergyMeter(none.folder)).toBeUndefined();
    expect(openEnergyMeter(broken.folder)).toBeUndefined();
    expect(openEnergyMeter(join(none.folder, "gone"))).toBeUndefined();
  });
});
