import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { script, servedModel } from "../../http/support.ts";
import { assist, scratchRepository, scriptedGateway } from "./support.ts";

it.each([
  ["explain", "a.ts"],
  ["explain", "a.ts", "--json"],
  ["fix", "--file", "a.ts"],
])("stops an answer without an end, and the work on it: %s %s %s", async (...words) => {
  using scratch = scratchRepository({ "a.ts": "export const a = 1;\n" });
  const ended = Promise.withResolvers<void>();
  const endless = servedModel(
    script(async function* answer() {
      try {
        yield { type: "started", promptTokens: 1, cachedTokens: 0 };
        for (;;) yield { type: "text", choice: 0, text: "word ".repeat(20_000) };
      } finally {
        ended.resolve();
      }
    }),
    { id: "endless", aliases: [] },
  );
  await using gateway = await scriptedGateway([], [endless]);
  const said = await assist(scratch, gateway.url, [...words.filter(Boolean), "--model", "endless"]);
  expect(said).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("The answer was stopped: it has more") });
  await ended.promise;
  expect(scratch.read("a.ts")).toBe("export const a = 1;\n");
});

it("recovers nothing where files are only read", async () => {
  using scratch = scratchRepository({ "a.ts": "old\n" });
  const id = "19700101T000000000Z-abcdef";
  const folder = join(scratch.folder, ".git", "sluice", "assist");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${id}.json`);
  const files = [{ path: "new.ts", before: null, after: "new\n" }];
  const entry = { version: 1, id, command: "fix", state: "begun", files, folders: [], undoes: null };
  writeFileSync(file, JSON.stringify(entry), { mode: 0o600 });
  scratch.write("new.ts", "new\n");
  scratch.git("add", "--all");
  await using gateway = await scriptedGateway(['{"subject":"Add new","body":[]}']);
  for (const words of [["explain", "a.ts"], ["review", "--diff", "staged"], ["ask", "What is new?"], ["commit"]]) {
    expect(await assist(scratch, gateway.url, words)).toMatchObject({ exitCode: 0 });
    expect(scratch.read("new.ts")).toBe("new\n");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(entry);
  }
});
