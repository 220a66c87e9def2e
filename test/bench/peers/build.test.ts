import { expect, test } from "vitest";
import { percentSayer } from "../../../bench/peers/build.ts";

test("a build's progress is told once for each tenth", () => {
  const said: number[] = [];
  const onLine = percentSayer((percent) => said.push(percent));
  const lines = [
    "[  0%] Building C object a.c.o",
    "[  9%] x",
    "[ 10%] x",
    "[ 11%] x",
    "[ 35%] x",
    "warning: [ 90%]",
    "[100%] Built target",
  ];
  for (const line of lines) onLine(line);
  expect(said).toEqual([10, 30, 100]);
});
