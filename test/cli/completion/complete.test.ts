import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complete } from "../../../src/cli/completion/complete.ts";
import { findNames } from "../../../src/cli/completion/names.ts";
import { quoteForBash, unquote } from "../../../src/cli/completion/words.ts";
import { buildProgram } from "../../../src/cli/program.ts";
import { run } from "../../../src/cli/run.ts";
import { createTestApp, listen, script, servedModel } from "../../http/support.ts";
import { preset } from "../../prompts/support.ts";
import { fakeContext } from "../fake-context.ts";

const HOSTILE = ["evil$(touch pwned)", "a b", "-rf", "two\nlines", "esc\u001b[2J", "x".repeat(513), "hf:owner/repo:Q4"];

const program = buildProgram(fakeContext(), () => {});
let cwd: string;
let server: Awaited<ReturnType<typeof listen>>;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "sluice-completion-"));
  await mkdir(join(cwd, "presets"));
  await writeFile(join(cwd, "presets/sentiment.yaml"), "");
  await writeFile(join(cwd, "presets/sentiment.eval.yaml"), "");
  await writeFile(join(cwd, "sluice.yaml"), "promptsDir: presets\nroutes: [{ name: auto, targets: [small] }]\n");
  const models = HOSTILE.map((id) => ({ ...servedModel(script([])), id }));
  server = await listen(createTestApp({ models, presets: [preset("template: A haiku.", "haiku")] }).app);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(cwd, { recursive: true });
});

/** @param line words with single spaces between them, and none in them */
async function wordsAfter(line: string, env: NodeJS.ProcessEnv = {}): Promise<readonly string[] | string> {
  const found = await complete(program, line.split(" "), { cwd, env: { SLUICE_URL: "http://127.0.0.1:9", ...env } });
  return found.type === "words" ? found.candidates.map(({ word }) => word) : `${found.type} after "${found.before}"`;
}

describe("what can stand at the end of a command line", () => {
  it.each([
    ["pu", ["pull"]],
    ["keys ro", ["rotate"]],
    ["help ser", ["serve", "service"]],
    ["help service in", ["install"]],
    ["service --", ["--help"]],
    ["batch run --out", ["--output"]],
    ["batch run --output x --out", []],
    ["--po", ["--port"]],
    ["--port 9000 --slo", ["--slots"]],
    ["serve --gpu c", ["cuda"]],
    ["serve --gpu=", ["--gpu=auto", "--gpu=off", "--gpu=cuda", "--gpu=vulkan", "--gpu=metal"]],
    ["serve --no-war", ["--no-warm-presets"]],
    ["keys create --class b", ["batch"]],
    ["connect co", ["codex", "continue"]],
    ["completion z", ["zsh"]],
    ["completion --can", []],
    ["pull gemma-3-27", ["gemma-3-270m"]],
    ["complete --model GEMMA-3-27", ["gemma-3-270m"]],
    ["run s", ["sentiment"]],
    ["eval s", ["sentiment"]],
    ["route --explain ", ["auto"]],
    ["pull -- --", []],
  ])("after `%s` it is %j", async (line, words) => {
    expect(await wordsAfter(line)).toEqual(words);
  });

  it.each([
    ["serve --config ", 'files after ""'],
    ["serve --config=x", 'files after "--config="'],
    ["chat --file ", 'files after ""'],
    ["batch run -o ", 'files after ""'],
    ["logs sluice", 'files after ""'],
    ["serve --models-dir ", 'folders after ""'],
  ])("after `%s` it is %s", async (line, kind) => {
    expect(await wordsAfter(line)).toBe(kind);
  });

  it("is what the running gateway serves, without what is no fit word", async () => {
    const url = { SLUICE_URL: server.url };
    expect(await wordsAfter("load ", url)).toEqual(["evil$(touch pwned)", "a b", "hf:owner/repo:Q4"]);
    expect(await wordsAfter("load hf:owner/", url)).toEqual(["hf:owner/repo:Q4"]);
    expect(await wordsAfter(`load --url ${server.url} hf`)).toEqual(["hf:owner/repo:Q4"]);
    expect(await wordsAfter("run h", url)).toEqual(["haiku"]);
  });

  it("is nothing where no gateway answers in time, and nothing fails", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((listening) => silent.once("listening", listening));
    const address = silent.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    expect(await findNames(["served", "catalogue"], { url }, { cwd, env: {} }, 50)).toContain("gemma-3-270m");
    silent.close();
    expect(await findNames(["served", "presets"], { url: "nonsense" }, { cwd: "/nowhere", env: {} })).toEqual([]);
  });
});

describe("sluice completion", () => {
  it.each(["bash", "zsh", "fish"])("prints a script for %s", async (shell) => {
    const context = fakeContext();
    expect(await run(["completion", shell], context)).toBe(0);
    expect(context.stdout.text()).toContain(`completion --candidates ${shell}`);
  });

  it("names the shells that it knows", async () => {
    const context = fakeContext();
    expect(await run(["completion", "fihs"], context)).toBe(2);
    expect(context.stderr.text()).toContain(
      '"fihs" is not completed for. Give one of bash, zsh, fish. Did you mean fish?',
    );
  });
});

describe("a word for bash", () => {
  it("is read by it as it is, and is the same without its quotes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", "'", '"'), (word, quote) => {
        expect(unquote(quoteForBash(word, quote))).toBe(word);
      }),
    );
  });

  it("has no character that bash would act on", () => {
    expect(quoteForBash("a$(x) `y`;'z'", "")).toBe("a\\$\\(x\\)\\ \\`y\\`\\;\\'z\\'");
    expect(quoteForBash("a$(x)", '"')).toBe('"a\\$(x)');
    expect(quoteForBash("it's", "'")).toBe("'it'\\''s");
  });
});
