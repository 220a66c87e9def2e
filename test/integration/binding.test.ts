import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { KNOWN_ARCHITECTURES } from "../../src/models/architectures.ts";
import { TENSOR_TYPES } from "../../src/models/gguf/tensor-types.ts";
import type { BindingFacts } from "./fixtures/binding.ts";

// src/models has copies of the binding's tables, because it must not load the binding. These tests fail when an upgrade of
// node-llama-cpp makes the copies out of date.
describe("Sluice's record of the binding", () => {
  let binding: BindingFacts;

  beforeAll(async () => {
    const child = fork(new URL("fixtures/binding.ts", import.meta.url), [inject("modelPath")], { execArgv: [] });
    const exited = once(child, "exit");
    binding = await Promise.race([
      once(child, "message").then(([facts]) => facts as BindingFacts),
      exited.then(([code]) => Promise.reject(new Error(`the binding could not be asked: exit code ${code}`))),
    ]);
    await exited;
  });

  test("lists the architectures that it reports", () => {
    const reported = binding.architectures.filter((name) => name !== "(unknown)");
    expect([...KNOWN_ARCHITECTURES].sort()).toEqual(reported.sort());
  });

  test("lists the tensor types that it reports, with their sizes", () => {
    const written = Array.from(TENSOR_TYPES, ([type, { blockSize, blockBytes }]) => [type, blockSize, blockBytes]);
    expect(written).toEqual(binding.tensorTypes);
  });

  test("opens its program for CPUs directly on Linux, the same that the binding opens after a test", () => {
    const { tried, atOnce } = binding.programs;
    expect(atOnce).toEqual(process.platform === "linux" ? tried : undefined);
    expect(binding.opensUnknown).toBe(false);
  });

  test("estimates a context's memory by its formula when told to, which is at most 1 % below a trial's result", () => {
    const { formula, byFormula, byTrial } = binding.memory;
    expect(byFormula).toBe(formula);
    expect(byTrial).not.toBe(formula);
    expect(formula).toBeGreaterThan(byTrial * 0.99);
  });

  test("tries a context that is too large by the formula again, with a trial's estimate", () => {
    expect(binding.memoryOfRetry).toBe(binding.memory.byTrial);
  });

  test("names its version, in package.json, in the installed package and in the engine", async () => {
    const engine = await readFile("src/engine/llama/binding.ts", "utf8");
    const asked = /^export const BINDING_VERSION = "(.+)";$/m.exec(engine)?.[1];
    const { dependencies } = JSON.parse(await readFile("package.json", "utf8"));
    const installed = JSON.parse(await readFile("node_modules/node-llama-cpp/package.json", "utf8"));
    expect(asked).toBe(dependencies["node-llama-cpp"]);
    expect(asked).toBe(installed.version);
  });
});
