import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkPicture } from "../../../src/cli/compare/check-outputs.ts";
import { estimateTime } from "../../../src/cli/compare/estimate.ts";
import { toJson } from "../../../src/cli/compare/json.ts";
import { explain } from "../../../src/cli/compare/measure.ts";
import { checkKeeping } from "../../../src/cli/compare/records.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { modelOf } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-compare-outputs-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("Before anything is measured", () => {
  test("a picture that can't be written is refused", async () => {
    mkdirSync(join(folder, "is-a-folder"));
    await expect(checkPicture("no/x.svg", folder)).rejects.toThrow(/^--svg: no\/x\.svg can't be written: .*ENOENT/);
    await expect(checkPicture("is-a-folder", folder)).rejects.toThrow("it is a folder");
    await expect(checkPicture("x.svg", folder)).resolves.toBeUndefined();
  });

  test("a state file that can't be used is refused", () => {
    const config = (stateFile: string) => configSchema.parse({ stateFile });
    expect(() => checkKeeping(config("is-a-folder"), folder)).toThrow(/is-a-folder/);
    expect(() => checkKeeping(config("state.db"), folder)).not.toThrow();
    expect(() => checkKeeping(config(":memory:"), folder)).not.toThrow();
  });
});

test("The time of all is told once, after the first turn, with the flags that shorten it", () => {
  const said: string[] = [];
  let now = 0;
  const subjects = [{ model: { sizeBytes: 100 } }, { model: { sizeBytes: 300 } }];
  const { onTurn } = estimateTime(
    subjects,
    { contexts: [480], repeats: 3, tokens: 1024 },
    { note: (what) => void said.push(what) },
    () => now,
  );
  onTurn(subjects[0]);
  expect(said).toEqual([]);
  now = 10_000;
  onTurn(subjects[1]);
  onTurn();
  // 10 s for 100 of 400 bytes; three turns, and as much text as two more.
  expect(said).toEqual(["All of it takes about 3 min. Less --repeats, --contexts and --tokens take less."]);
});

test("JSON has its names in snake_case, and its texts as they are", () => {
  expect(toJson({ sizeBytes: 1, models: [{ bitsPerByte: null, id: "aB" }] })).toEqual({
    size_bytes: 1,
    models: [{ bits_per_byte: null, id: "aB" }],
  });
});

test("A note says why there is no KL", () => {
  const { quality } = modelOf("a", { speed: 1, sizeBytes: 1 });
  const scored = { blocks: [], tokens: 0, isCompared: false };
  expect(explain(undefined, { id: "big" }, scored, quality)).toEqual([
    expect.stringContaining("its tokens are not those of big."),
  ]);
  expect(explain(undefined, { id: "big" }, { ...scored, isAlone: true }, quality)).toEqual([
    expect.stringContaining("it and big don't fit into the memory together."),
  ]);
});
