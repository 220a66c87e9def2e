import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

/** Where Linux has the counters of RAPL, of Intel's and AMD's processors. https://docs.kernel.org/power/powercap/powercap.html */
const POWERCAP = "/sys/class/powercap";

/** A processor: `intel-rapl:0`. What is named `intel-rapl:0:1` is a part of it, which its counter includes. */
const PACKAGE = /^intel-rapl:\d+$/;

/** Longer numbers are none. */
const MAX_DIGITS = 24;

type Zone = { readonly fd: number; readonly rangeMicrojoules: number; last: number; wrapped: number };

/** Reads the energy of all processors. */
export type EnergyMeter = {
  /** In joules, from any beginning on. It never decreases. */
  readonly read: () => number;
  readonly close: () => void;
};

/** Undefined if the machine has no such counters or this user may not read them: most systems let root only. */
export function openEnergyMeter(folder = POWERCAP): EnergyMeter | undefined {
  const zones: Zone[] = [];
  const buffer = Buffer.alloc(MAX_DIGITS);

  function readCounter({ fd }: Pick<Zone, "fd">): number {
    const count = Number(buffer.toString("latin1", 0, readSync(fd, buffer, 0, MAX_DIGITS, 0)));
    if (!Number.isFinite(count)) throw new Error("The counter of energy has no number.");
    return count;
  }

  function read(): number {
    let total = 0;
    for (const zone of zones) {
      const now = readCounter(zone);
      // It begins again at its end.
      if (now < zone.last) zone.wrapped += zone.rangeMicrojoules;
      zone.last = now;
      total += zone.wrapped + now;
    }
    return total / 1e6;
  }

  function close(): void {
    for (const { fd } of zones.splice(0)) closeSync(fd);
  }

  try {
    for (const name of readdirSync(folder).filter((entry) => PACKAGE.test(entry))) {
      const range = Number(readFileSync(join(folder, name, "max_energy_range_uj"), "latin1"));
      const fd = openSync(join(folder, name, "energy_uj"), "r");
      zones.push({ fd, rangeMicrojoules: range, last: 0, wrapped: 0 });
    }
    read();
    if (zones.length > 0) return { read, close };
  } catch {
    close();
  }
  return undefined;
}
