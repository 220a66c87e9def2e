import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { expect, test } from "vitest";
import { createWorkerOutput } from "../../../src/engine/host/worker-output.ts";

async function linesOf(...chunks: readonly (string | Buffer)[]) {
  const seen: string[] = [];
  const output = createWorkerOutput((line) => seen.push(line));
  const stream = new PassThrough();
  output.follow(stream);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await finished(stream);
  return { seen, kept: output.lastLines() };
}

test("lines are joined however the chunks are cut, including an unfinished last one", async () => {
  const { seen } = await linesOf("load", "ing\nGGML_", "ASSERT\r\n\n", "bye");
  expect(seen).toEqual(["loading", "GGML_ASSERT", "bye"]);
});

test("a character cut in two by the chunks stays whole", async () => {
  const bytes = Buffer.from("né\n");
  const { seen } = await linesOf(bytes.subarray(0, 2), bytes.subarray(2));
  expect(seen).toEqual(["né"]);
});

test("the last 20 lines are kept", async () => {
  const { kept } = await linesOf(Array.from({ length: 50 }, (_, index) => `line ${index}\n`).join(""));
  expect(kept).toHaveLength(20);
  expect(kept.at(0)).toBe("line 30");
  expect(kept.at(-1)).toBe("line 49");
});

test("memory is bounded when a worker never ends its line", async () => {
  const { seen, kept } = await linesOf(...Array.from({ length: 100 }, () => "x".repeat(700)), `${"y".repeat(2_500)}\n`);
  expect(Math.max(...seen.map((line) => line.length))).toBeLessThanOrEqual(1_000);
  expect(seen.join("")).toHaveLength(72_500);
  expect(kept.join("").length).toBeLessThanOrEqual(20_000);
});

test("an unfinished line is among the last ones", async () => {
  const output = createWorkerOutput(() => {});
  const stream = new PassThrough();
  output.follow(stream);
  stream.write("done\nabout to cra");
  await new Promise((resolve) => setImmediate(resolve));
  expect(output.lastLines()).toEqual(["done", "about to cra"]);
});
