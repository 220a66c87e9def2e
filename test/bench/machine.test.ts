import { expect, test } from "vitest";
import { countCores } from "../../bench/machine.ts";

const processor = (socket: number, core: number) => `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;

test("two threads of a core count once, the same core number on another socket counts again", () => {
  const cpuInfo = [processor(0, 0), processor(0, 0), processor(0, 1), processor(1, 0)].join("\n");
  expect(countCores(cpuInfo)).toBe(3);
});

test("a system that names no cores has told none", () => {
  expect(countCores("processor\t: 0\nBogoMIPS\t: 108.00\n")).toBe(0);
});
