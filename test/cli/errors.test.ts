import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CommandError, describeError } from "../../src/cli/errors.ts";

describe("describeError", () => {
  it("shows only the message of an error for the user", () => {
    expect(describeError(new CommandError("Port 80 is taken."))).toBe("Port 80 is taken.");
  });

  it("shows only the message of the operating system's errors", () => {
    let thrown: unknown;
    try {
      readFileSync("/nowhere/at/all");
    } catch (error) {
      thrown = error;
    }
    expect(describeError(thrown)).toMatch(/^ENOENT: no such file or directory, open '.nowhere.at.all'$/);
  });

  it("shows the stack of a defect", () => {
    expect(describeError(new TypeError("x is undefined"))).toMatch(/^TypeError: x is undefined\n +at /);
  });
});
