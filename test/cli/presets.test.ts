import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evalPresets } from "../../src/cli/eval.ts";
import { reachGateway } from "../../src/cli/reach-gateway.ts";
import { run } from "../../src/cli/run.ts";
import { runPreset } from "../../src/cli/run-preset.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { answerWith, createTestApp, listen, MODEL_ID, script } from "../http/support.ts";
import { preset } from "../prompts/support.ts";
import { fakeContext } from "./fake-context.ts";

const ECHO = preset('system: "{{tone}}"\nvariables: { tone: { type: string, default: dry } }', "echo");
const HAIKU = preset("template: A haiku.", "haiku");

let requests: GenerationRequest[] = [];
const { app } = createTestApp({
  generate: script((request) => {
    requests.push(request);
    return script(answerWith(["High", "!"]))(request);
  }),
  presets: [ECHO, HAIKU],
});
let gateway: Awaited<ReturnType<typeof listen>>;
let cwd: string;

beforeAll(async () => {
  gateway = await listen(app);
  cwd = await mkdtemp(join(tmpdir(), "sluice-eval-"));
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await rm(cwd, { recursive: true });
});

async function command(words: readonly string[], piped?: string) {
  requests = [];
  const context = fakeContext({ cwd });
  const stdin = piped === undefined ? undefined : Readable.from([piped]);
  const exitCode = await run([...words, "--url", `${gateway.url}/v1`], { ...context, ...(stdin && { stdin }) });
  const [request] = requests;
  const messages = request?.prompt.type === "chat" ? request.prompt.messages : [];
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text(), messages };
}

describe("sluice run", () => {
  it("asks a preset and prints the answer", async () => {
    const { exitCode, stdout, stderr, messages } = await command(["run", "echo", "--var", "tone=a=b", "Hi", "there"]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "High!\n", stderr: "" });
    expect(messages).toEqual([
      { role: "system", content: "a=b" },
      { role: "user", content: "Hi there" },
    ]);
  });

  it("reads piped input", async () => {
    const { messages } = await command(["run", "preset/echo@1"], "some\ndiff\n");
    expect(messages.at(-1)?.content).toBe("some\ndiff");
  });

  it("needs no input when the preset has none", async () => {
    expect((await command(["run", "haiku"])).messages).toEqual([{ role: "user", content: "A haiku." }]);
  });

  it.each([
    [["run", "echo"], 2, "This preset needs a text."],
    [["run", "nope", "x"], 4, "Available: preset/echo, preset/haiku."],
    [["run", "echo", "x", "--var", "tune=x"], 4, "Unknown variables: 'tune'."],
    [["run", "echo", "x", "--var", "tone"], 2, "--var tone: write a variable as NAME=VALUE"],
  ])("%j exits with %d and the reason", async (words, code, message) => {
    const { exitCode, stdout, stderr } = await command(words);
    expect(stderr).toContain(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: "" });
  });

  it("exits with 3 when no gateway is at the URL", async () => {
    const context = fakeContext();
    const exitCode = await run(["run", "echo", "x", "--url", "http://127.0.0.1:9"], context);
    expect(exitCode).toBe(3);
    expect(context.stderr.text()).toContain("No gateway responds at http://127.0.0.1:9.");
  });

  it("uses the running gateway of the settings, without starting another", async () => {
    const context = fakeContext({ cwd });
    await runPreset("echo", ["x"], { port: String(gateway.port) }, context);
    expect(context.stdout.text()).toBe("High!\n");
  });
});

describe("sluice eval", () => {
  beforeAll(async () => {
    await writeFile(
      join(cwd, "echo.eval.yaml"),
      "cases:\n  - { input: a, expect: { equals: High! } }\n  - { input: b, expect: { equals: Low } }\n",
    );
  });

  it("prints how a preset did", async () => {
    const { exitCode, stdout } = await command(["eval", "--prompts-dir", "."]);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")[0]).toMatch(/^PRESET +MODEL +CASES +ACCURACY +TOKENS IN +TOKENS OUT +MEDIAN MS$/);
    expect(stdout.split("\n")[1]).toMatch(new RegExp(`^echo +${MODEL_ID} +2 +50 % +24 +6 +\\d+$`));
  });

  it("prints the same as JSON, case by case", async () => {
    const { stdout } = await command(["eval", "echo", "--json", "--prompts-dir", "."]);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        ...{ preset: "echo", model: MODEL_ID, accuracy: 0.5, inputTokens: 24, outputTokens: 6 },
        cases: [
          { input: "a", answer: "High!", unmet: [] },
          { input: "b", answer: "High!", unmet: ['equals "Low"'] },
        ],
      },
    ]);
  });

  it("shows wrong answers, and exits with 1 below the required share", async () => {
    const words = ["eval", "--prompts-dir", ".", "--failures", "--min-accuracy"];
    const bad = await command([...words, "0.6"]);
    expect(bad.exitCode).toBe(1);
    expect(bad.stderr).toBe(`echo, ${MODEL_ID}: "b"\n  answer: "High!"\n  not so: equals "Low"\n`);
    expect((await command([...words, "0.5"])).exitCode).toBe(0);
  });

  it.each([
    [["eval", "nope", "--prompts-dir", "."], 1, "nope.eval.yaml is not there. There are: echo."],
    [["eval", "--min-accuracy", "80"], 2, "--min-accuracy: 80 is not allowed."],
  ])("%j exits with %d and the reason", async (words, code, message) => {
    const { exitCode, stderr } = await command(words);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(code);
  });

  it("starts a gateway for the models that none serves, and stops it", async () => {
    const context = fakeContext({ cwd });
    let isStopped = false;
    const parts = {
      fetchModels: async () => [],
      startGateway: async () => ({
        url: gateway.url,
        stop: async () => {
          isStopped = true;
        },
      }),
    };
    const flags = { port: String(gateway.port), model: ["gemma-3-270m"], promptsDir: "." };
    await expect(evalPresets("echo", flags, context, (...given) => reachGateway(...given, { parts }))).rejects.toThrow(
      "gemma-3-270m",
    );
    expect(context.stderr.text()).toContain("starting one for this command");
    expect(isStopped).toBe(true);
  });
});
