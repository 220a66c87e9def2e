import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { fakeContext } from "./fake-context.ts";

const SETTINGS = `
model: [smollm2-135m-instruct, gemma-3-270m]
aliases: [small=smollm2-135m-instruct]
upstreams:
  cloud: { baseUrl: "https://example.com", models: { large: { name: large-v2, price: { input: 1, output: 2 } } } }
routes:
  chat:
    - { model: small, spill: 3s, when: { needs: [tools], class: [interactive] } }
    - { model: gemma-3-270m, when: { hours: "08:00-18:00" } }
    - { model: large, maxCost: 0.01, when: { usedUpTo: 0.8 } }
    - gone
`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-route-"));
  writeFileSync(join(folder, "sluice.yaml"), SETTINGS);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function sluiceRoute(...words: string[]) {
  const context = fakeContext({ cwd: folder });
  const exitCode = await run(["route", ...words], context);
  return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
}

/** The lines of the explanation, without the heading. */
async function explain(...words: string[]): Promise<string[]> {
  const { stdout } = await sluiceRoute("--explain", "Chat", "--at", "2026-11-29T12:00Z", ...words);
  return stdout
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.replaceAll(/ +/g, " ").trim());
}

describe("sluice route", () => {
  it("lists the routes of the settings", async () => {
    const { stdout, exitCode } = await sluiceRoute();
    expect(stdout).toMatch(/^ROUTE +TARGETS\nchat +small, gemma-3-270m, large, gone\n$/);
    expect(exitCode).toBe(0);
  });

  it("explains the order of the targets for a request, and why others are left out", async () => {
    expect(await explain()).toEqual([
      "1 gemma-3-270m",
      "2 large",
      "- smollm2-135m-instruct excluded: class",
      "- gone excluded: not_served",
    ]);
    expect(await explain("--class", "interactive", "--needs", "tools, schemas", "--wait", "small=5s")).toEqual([
      "1 gemma-3-270m",
      "2 large",
      "3 smollm2-135m-instruct late",
      "- gone excluded: not_served",
    ]);
    expect(await explain("--used", "0.9", "--tokens", "20000", "--local-only", "--at", "2026-11-29T20:00Z")).toEqual([
      "- smollm2-135m-instruct excluded: class",
      "- gemma-3-270m excluded: hours",
      "- large excluded: local_only",
      "- gone excluded: not_served",
    ]);
  });

  it("leaves out targets that can't do what the request needs, as far as the settings tell", async () => {
    const settings = `
model: [smollm2-135m-instruct]
upstreams:
  blind: { baseUrl: "https://a.example", models: [text-only], capabilities: { images: false } }
  mixed:
    baseUrl: "https://b.example"
    capabilities: { images: false }
    models: { plain: plain-v1, seeing: { name: seeing-v1, capabilities: { images: true }, contextTokens: 1000 } }
  claude: { kind: anthropic, models: [opus] }
  open: { baseUrl: "https://c.example" }
routes: { look: [text-only, smollm2-135m-instruct, plain, seeing, opus, open/any] }
`;
    writeFileSync(join(folder, "images.yaml"), settings);
    const words = ["--config", "images.yaml", "--explain", "look", "--json", "--tokens", "2000", "--needs"];
    const images = JSON.parse((await sluiceRoute(...words, "images")).stdout);
    expect(images.candidates).toMatchObject([
      { target: "opus" },
      { target: "open/any" },
      { target: "seeing", deferred: "long" },
    ]);
    expect(images.excluded).toEqual(
      ["text-only", "smollm2-135m-instruct", "plain"].map((target) => ({ target, reason: "images" })),
    );
    const { excluded } = JSON.parse((await sluiceRoute(...words, "logprobs")).stdout);
    expect(excluded).toEqual([{ target: "opus", reason: "logprobs" }]);
  });

  it("prints the decision as JSON too", async () => {
    const { stdout } = await sluiceRoute("--explain", "chat", "--json", "--used", "0.9");
    expect(JSON.parse(stdout).excluded).toContainEqual({ target: "large", reason: "budget" });
  });

  it("knows models that are loaded on demand, and adapters", async () => {
    writeFileSync(
      join(folder, "more.yaml"),
      `model: smollm2-135m-instruct
onDemand: [gemma-3-270m, downloaded]
modelsDir: ${join(folder, "no-models")}
adapters: { smollm2-135m-instruct+pirate: ./pirate.gguf, gemma-3-270m+poet: ./poet.gguf }
routes:
  chat: [gemma-3-270m, smollm2-135m-instruct+pirate, gemma-3-270m+poet, smollm2-135m-instruct+gone]
`,
    );
    expect(await explain("--config", "more.yaml")).toEqual([
      "1 gemma-3-270m",
      "2 smollm2-135m-instruct+pirate",
      "3 gemma-3-270m+poet",
      "- smollm2-135m-instruct+gone excluded: not_served",
    ]);
  });

  it.each([
    [["--explain", "other"], "there is no route 'other'. Routes: chat."],
    [["--explain", "chat", "--class", "vip"], '--class: "vip" is not allowed. Give interactive, default, batch.'],
    [["--explain", "chat", "--wait", "small"], '--wait: "small" is not allowed. Give MODEL=TIME'],
    [["--explain", "chat", "--tokens", "many"], '--tokens: "many" is not allowed. Give a number.'],
    [["--explain", "chat", "--at", "noon"], '--at: "noon" is not allowed. Give a time'],
  ])("refuses what it can't read: %s", async (words, message) => {
    const { exitCode, stderr } = await sluiceRoute(...words);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
