import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chunk, mockUpstream, streaming } from "../../fixtures/mock-upstream.ts";
import { askedIn, assist, scratchRepository, scriptedGateway } from "./support.ts";

describe("sluice assist commit", () => {
  it("proposes a message in the repository's style, and commits only with --apply", async () => {
    using scratch = scratchRepository({ "a.txt": "one\n" });
    scratch.write("a.txt", "two\n");
    scratch.git("add", "a.txt");
    scratch.write("a.txt", "three\n");
    await using gateway = await scriptedGateway([
      JSON.stringify({ subject: "fix: say two", body: ["One was wrong."] }),
    ]);
    const proposed = await assist(scratch, gateway.url, ["commit", "it", "was", "wrong"]);
    expect(proposed).toEqual({ exitCode: 0, stdout: "fix: say two\n\nOne was wrong.\n", stderr: "" });
    expect(scratch.git("log", "--format=%s")).toBe("feat: begin\n");
    const asked = askedIn(gateway.requests[0]);
    expect(asked).toContain("The repository's last messages:\n```\nfeat: begin\n```");
    expect(asked).toContain("-one\n+two\n");
    expect(asked).not.toContain("three");
    expect(asked).toContain("Conventional Commits");
    expect(asked).toContain("The author says: it was wrong");

    const { stdout, exitCode } = await assist(scratch, gateway.url, ["commit", "--apply", "--json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ committed: scratch.git("rev-parse", "HEAD").trim() });
    expect(scratch.git("log", "-1", "--format=%B").trim()).toBe("fix: say two\n\nOne was wrong.");
    expect(scratch.git("show", "HEAD:a.txt")).toBe("two\n");
    expect(scratch.read("a.txt")).toBe("three\n");
  });

  it("runs the repository's hooks, and ends with 1 where one refuses", async () => {
    using scratch = scratchRepository({ "a.txt": "one\n" });
    scratch.write(".git/hooks/pre-commit", "#!/bin/sh\necho no tests >&2\nexit 1\n");
    chmodSync(join(scratch.folder, ".git/hooks/pre-commit"), 0o755);
    scratch.write("a.txt", "two\n");
    scratch.git("add", "a.txt");
    await using gateway = await scriptedGateway(["fix: two"]);
    const said = await assist(scratch, gateway.url, ["commit", "--apply"]);
    expect(said).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no tests") });
    expect(scratch.git("log", "--format=%s")).toBe("feat: begin\n");
  });

  it.each([
    [
      "was cut off at its maximum length",
      { delta: {}, finish_reason: "length" },
      "was cut off at the answer's maximum",
    ],
    ["broke off", undefined, "The answer broke off"],
  ])("commits nothing with an answer that %s", async (_, end, why) => {
    using scratch = scratchRepository({ "a.txt": "one\n" });
    scratch.write("a.txt", "two\n");
    scratch.git("add", "a.txt");
    const events = [chunk({ delta: { content: "fix: half a" } }), ...(end === undefined ? [] : [chunk(end)])];
    const server = await mockUpstream(streaming(events));
    try {
      const said = await assist(scratch, server.url, ["commit", "--apply", "--allow-remote"]);
      expect(said).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(why) });
      expect(scratch.git("log", "--format=%s")).toBe("feat: begin\n");
    } finally {
      await server.close();
    }
  });

  it("says so if nothing is staged, before any model is asked", async () => {
    using scratch = scratchRepository();
    const said = await assist(scratch, "http://127.0.0.1:9", ["commit"]);
    expect(said).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("Nothing is staged.") });
  });
});
