import { expect, test } from "vitest";
import { descendants } from "../../../bench/peers/process-tree.ts";

test("a process's tree is itself, its children and theirs, and nobody else", () => {
  const parents = new Map([
    [1, 0],
    [10, 1],
    [11, 10],
    [12, 11],
    [13, 10],
    [20, 1],
  ]);
  expect(descendants(10, parents).toSorted((a, b) => a - b)).toEqual([10, 11, 12, 13]);
  expect(descendants(20, parents)).toEqual([20]);
});
