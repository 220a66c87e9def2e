import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findPlaces } from "../../src/assist/places.ts";

const repository = { root: "/home/ann/app", cwd: "/home/ann/app/web" };
const FILES = [
  "src/main.rs",
  "web/src/a.ts",
  "lib/a.ts",
  "pkg/server.go",
  "app/views.py",
  "java/com/acme/Main.java",
  "read me.md",
];

describe("places in an output", () => {
  it.each([
    ["  --> src/main.rs:12:5", "src/main.rs", 12],
    ["src/a.ts(3,14): error TS2322: Type", "web/src/a.ts", 3],
    ["    at Object.<anonymous> (file:///home/ann/app/lib/a.ts:7:3)", "lib/a.ts", 7],
    ["    at run (/home/ann/app/web/src/a.ts:9:1)", "web/src/a.ts", 9],
    ['  File "/home/ann/app/app/views.py", line 21, in get', "app/views.py", 21],
    ['  File "../read me.md", line 2', "read me.md", 2],
    ["\tserver.go:48 +0x1d", "pkg/server.go", 48],
    ["\tat com.acme.Main.run(Main.java:33)", "java/com/acme/Main.java", 33],
  ])("are read from %j", (line, path, number) => {
    expect(findPlaces(`boom\n${line}\n`, repository, FILES)).toEqual([{ path, line: number }]);
  });

  it.each([
    ["/etc/passwd.txt:1"],
    ["/usr/lib/python3/app/views.py:3"],
    ["../../../etc/hosts.conf:2"],
    ["a.ts:1"],
    ["src/main.rs:0"],
    ["12:30.15:4"],
  ])("are none in %j: not there, outside, or not the only one of its name", (line) => {
    expect(findPlaces(line, repository, FILES)).toEqual([]);
  });

  it("are few, and always of the repository's files, whatever the output says", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...FILES, ":", "(", "3", "/", "..", 'File "', '", line ', "file://", "\n"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const found = findPlaces(pieces.join(""), repository, FILES);
        expect(found.length).toBeLessThanOrEqual(12);
        for (const { path, line } of found) {
          expect(FILES).toContain(path);
          expect(line).toBeGreaterThan(0);
        }
      }),
    );
  });
});
