import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { watchFiles } from "../../src/cli/watch-files.ts";

let folder: string;
/** What reports an event in the folder; one for each watch that is on. */
let watches: Set<() => void>;
let changes: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  watches = new Set();
  changes = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

function start(files: () => readonly string[]) {
  return watchFiles({
    files,
    onChange: () => void changes++,
    onError: (error) => expect(error).toBeUndefined(),
    watch({ onChange }) {
      watches.add(onChange);
      return () => void watches.delete(onChange);
    },
  });
}

function tell(): number {
  for (const report of [...watches]) report();
  return changes;
}

it("sees a file that is written, replaced, removed and made again, and nothing else in its folder", () => {
  const path = join(folder, "sluice.yaml");
  const replace = (text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  replace("a");
  const stop = start(() => [path]);
  expect(tell()).toBe(0);
  writeFileSync(join(folder, "other"), "");
  expect(tell()).toBe(0);
  writeFileSync(path, "longer");
  expect(tell()).toBe(1);
  replace("longer");
  expect(tell()).toBe(2);
  expect(tell()).toBe(2);
  rmSync(path);
  expect(tell()).toBe(3);
  replace("b");
  expect(tell()).toBe(4);
  stop();
  expect(watches.size).toBe(0);
});

it("sees that a link leads elsewhere, which is how Kubernetes replaces files", () => {
  const path = join(folder, "sluice.yaml");
  for (const name of ["one", "two"]) writeFileSync(join(folder, name), "same");
  symlinkSync("one", path);
  const stop = start(() => [path]);
  symlinkSync("two", `${path}.new`);
  renameSync(`${path}.new`, path);
  expect(tell()).toBe(1);
  stop();
});

it("watches the files that the new settings name", () => {
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  let files = [first];
  const stop = start(() => files);
  files = [first, second];
  writeFileSync(first, "1");
  expect(tell()).toBe(1);
  writeFileSync(second, "2");
  expect(tell()).toBe(2);
  stop();
});
