import { expect, inject, test } from "vitest";
import { assist, scratchRepository } from "../cli/assist/support.ts";

test("the real model explains a file, answers a question, reviews a change and writes a message for it; whether they are right is the model's business", async () => {
  using scratch = scratchRepository({ "calc.py": "def add(a, b):\n    return a - b\n" });
  const ask = (words: readonly string[], maxTokens = "24") =>
    assist(scratch, inject("gatewayUrl"), [...words, "--max-tokens", maxTokens]);
  const explained = await ask(["explain", "calc.py"]);
  expect(explained.exitCode).toBe(0);
  expect(explained.stdout.trim()).not.toBe("");

  const answered = await ask(["ask", "What does add do?"]);
  expect(answered.exitCode).toBe(0);
  expect(answered.stdout.trim()).not.toBe("");

  scratch.write("calc.py", "def add(a, b):\n    return a + b\n");
  const reviewed = await ask(["review", "--json"]);
  expect(reviewed.exitCode).toBe(0);
  expect(JSON.parse(reviewed.stdout)).toMatchObject({
    ...{ model: "smollm2-135m-instruct", answer: expect.any(String), left_out: [] },
    context: [{ from: "Diff of calc.py", reason: "changed", tokens: expect.any(Number) }],
  });

  scratch.git("add", "--all");
  expect(await ask(["commit", "--apply"], "300")).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining("Committed: "),
  });
  expect(scratch.git("log", "--format=%s").split("\n")).toHaveLength(3);
  expect(scratch.git("status", "--porcelain")).toBe("");
});

test("the real model's edits are in the form that was asked for, and change nothing unless told", async () => {
  const files = { "calc.py": "def add(a, b):\n    return a - b\n" };
  using scratch = scratchRepository(files);
  const ask = (...words: readonly string[]) =>
    assist(scratch, inject("gatewayUrl"), [...words, "--json", "--max-tokens", "300"]);
  for (const words of [
    ["fix", "--file", "calc.py", "It takes away."],
    ["test", "calc.py"],
  ]) {
    const { exitCode, stdout, stderr } = await ask(...words);
    // A model this small may copy lines wrong, or write on until its end.
    if (exitCode === 0)
      expect(JSON.parse(stdout)).toMatchObject({ edits: expect.any(Array), applied: false, run: null });
    else expect(stderr).toMatch(/can't be used, so nothing was changed\.|were cut off at the answer's maximum length/);
    expect(exitCode).toBeLessThanOrEqual(1);
    expect(stderr).not.toContain("another form than was asked for");
    expect(scratch.git("status", "--porcelain")).toBe("");
  }
});
