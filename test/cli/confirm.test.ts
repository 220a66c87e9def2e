import { describe, expect, it } from "vitest";
import { openTerminal } from "../fixtures/terminal.ts";
import { GIT_ENV, MAIN, scratchRepository, scriptedGateway } from "./assist/support.ts";

const BEFORE = "return a - b\n";
const EDITS = JSON.stringify({
  explanation: "It took away.",
  edits: [{ path: "calc.py", search: ["return a - b"], replace: ["return a + b"] }],
});

describe("a question of a command", () => {
  it.each([
    ["n", BEFORE, "Nothing was changed."],
    ["y", "return a + b\n", "Changed: calc.py."],
  ])("is not answered by a line that was typed before it, but by %j", async (answer, after, said) => {
    using scratch = scratchRepository({ "calc.py": BEFORE });
    await using gateway = await scriptedGateway([EDITS]);
    const words = [process.execPath, MAIN, "assist", "fix", "--file", "calc.py", "--url", gateway.url];
    await using terminal = openTerminal(words, { cwd: scratch.folder, columns: 100, env: GIT_ENV });
    terminal.type("y\ry\r");
    await terminal.until("Change this file? [y/N]");
    expect(scratch.read("calc.py")).toBe(BEFORE);
    terminal.type(`${answer}\r`);
    await terminal.until(said);
    expect(await terminal.ended).toBe(0);
    expect(scratch.read("calc.py")).toBe(after);
  });
});
