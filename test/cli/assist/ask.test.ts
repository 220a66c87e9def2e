import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openVectorStore } from "../../../src/assist/vector-store.ts";
import type { Embed } from "../../../src/generation/embedding.ts";
import { ContextLengthExceededError } from "../../../src/generation/errors.ts";
import { servedModel } from "../../fixtures/served-model.ts";
import { askedIn, assist, scratchRepository, scriptedGateway } from "./support.ts";

const FILES = {
  "src/retry.ts": "export function retryRequest() {\n  // waits, then tries again\n}\n",
  "src/colour.ts": "export const red = 1;\n",
  "docs/patience.md": "Patience is a virtue.\n",
  ".gitignore": "ignored.md\n",
  "package-lock.json": '{"retry": "retry retry retry"}\n',
};

describe("sluice assist ask", () => {
  it("answers from what a search by words finds in files that git doesn't ignore", async () => {
    using scratch = scratchRepository(FILES);
    scratch.write("ignored.md", "retry retry retry\n");
    scratch.write(".env", "RETRY=hush\n");
    scratch.write("new.md", "How a retry is tested.\n");
    await using gateway = await scriptedGateway(["In src/retry.ts."]);
    const said = await assist(scratch, gateway.url, ["ask", "Where", "are", "requests", "retried,", "the", "retry?"]);
    expect(said).toEqual({
      ...{ exitCode: 0, stdout: "In src/retry.ts.\n" },
      stderr: "Left out: 2 files of the search: they hold secrets, or were written by a program.\n",
    });
    const asked = askedIn(gateway.requests[0]);
    expect(asked).toMatch(/^src\/retry\.ts, lines 1-4:\n```\nexport function retryRequest/);
    expect(asked).toContain("new.md, lines 1-2:");
    expect(asked).toContain("Files of the repository:\n```\n.gitignore\ndocs/patience.md\n");
    expect(asked).toMatch(/\nWhere are requests retried, the retry\?$/);
    for (const absent of ["virtue", "hush", "red = 1", "retry retry"]) expect(asked).not.toContain(absent);
  });

  it("answers from named files without a search, and needs a question", async () => {
    using scratch = scratchRepository(FILES);
    await using gateway = await scriptedGateway(["One."]);
    await assist(scratch, gateway.url, ["ask", "--file", "src/colour.ts", "What is retry?"]);
    expect(askedIn(gateway.requests[0])).toBe("src/colour.ts:\n```\nexport const red = 1;\n```\n\nWhat is retry?");
    expect(await assist(scratch, gateway.url, ["ask"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("There is no question."),
    });
  });

  it("searches by meaning where the gateway has a model for embeddings alone, and keeps the vectors in git's own folder", async () => {
    using scratch = scratchRepository(FILES);
    const embedded: string[] = [];
    await using gateway = await scriptedGateway(["Yes."], [reader(embedded)]);
    const ask = () => assist(scratch, gateway.url, ["ask", "Should one linger?"]);
    expect(await ask()).toMatchObject({ exitCode: 0, stdout: "Yes.\n" });
    expect(askedIn(gateway.requests[0])).toMatch(/^docs\/patience\.md, lines 1-2:\n/);
    expect(embedded).toHaveLength(5);
    await ask();
    expect(embedded.slice(5)).toEqual(["Should one linger?"]);
    scratch.write("docs/patience.md", "Patience, again.\n");
    await ask();
    expect(embedded.slice(6)).toEqual(["Should one linger?", "docs/patience.md\nPatience, again.\n"]);
    expect(scratch.git("status", "--porcelain")).toBe(" M docs/patience.md\n");
    expect(readdirSync(join(scratch.folder, ".git/sluice/assist-vectors"))).toHaveLength(1);
  });

  it("halves texts that are too long for that model, and searches by words where it fails", async () => {
    using scratch = scratchRepository(FILES);
    await using short = await scriptedGateway(["Yes."], [reader([], 40)]);
    expect(await assist(scratch, short.url, ["ask", "Should one linger?"])).toMatchObject({
      exitCode: 0,
      stderr: expect.not.stringContaining("alone"),
    });
    await using failing = await scriptedGateway(["Yes."], [reader([], 0)]);
    const said = await assist(scratch, failing.url, ["ask", "Where is retryRequest?"]);
    expect(said).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("The search goes by words alone: reader: "),
    });
    expect(askedIn(failing.requests[0])).toMatch(/^src\/retry\.ts, lines 1-4:/);
  });
});

describe("kept vectors", () => {
  it("are the same after they were written, and none where the file is broken", async () => {
    using scratch = scratchRepository();
    const file = join(scratch.folder, "vectors");
    const store = await openVectorStore(file);
    store.set("one", Float32Array.of(0.25, -1));
    store.set("two", Float32Array.of(3, 4));
    await store.save();
    const again = await openVectorStore(file);
    expect([again.get("one"), again.get("two"), again.get("three")]).toEqual([
      Float32Array.of(0.25, -1),
      Float32Array.of(3, 4),
      undefined,
    ]);
    for (const broken of ["", "x", "a text that is no file of vectors, but long enough for some"]) {
      scratch.write("vectors", broken);
      expect((await openVectorStore(file)).get("one")).toBeUndefined();
    }
  });
});

/** A model for embeddings alone, to which patience is close to lingering, and nothing else is. It takes texts of so many characters. */
function reader(embedded: string[], maxChars = 1_000) {
  const embed: Embed = async ({ items }) => {
    const texts = items.map((item) => (item.type === "text" ? item.text : ""));
    const longest = Math.max(...texts.map((text) => text.length));
    if (longest > maxChars) throw new ContextLengthExceededError(longest, maxChars);
    embedded.push(...texts);
    const isClose = (text: string) => /patien|linger/i.test(text);
    return {
      vectors: texts.map((text) => (isClose(text) ? Float32Array.of(1, 0.1) : Float32Array.of(0.1, 1))),
      tokens: 1,
    };
  };
  const model = servedModel({ id: "reader", aliases: [], embed });
  return { ...model, can: { ...model.can, text: false, chat: false } };
}
