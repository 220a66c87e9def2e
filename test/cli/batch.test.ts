import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareInput } from "../../src/cli/batch/input.ts";
import { cancelBatch, listBatches, showBatch } from "../../src/cli/batch/manage.ts";
import { runBatch } from "../../src/cli/batch/run.ts";
import { createGatewayClient } from "../../src/cli/gateway-client.ts";
import type { Reached } from "../../src/cli/reach-gateway.ts";
import { configSchema } from "../../src/config/schema.ts";
import { batchResult, batch as batchSchema } from "../fixtures/openai/batches.ts";
import { createBatchApp } from "../http/batch-support.ts";
import { answerWith, listenAsGateway, MODEL_ID, script } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

const CHAT = "/v1/chat/completions";

/** A folder for a command, and a gateway that it reaches. */
async function createCommand(generate = script(answerWith(["Hi"]))) {
  const cwd = mkdtempSync(join(tmpdir(), "sluice-batch-run-"));
  const app = await createBatchApp({ generate });
  const server = await listenAsGateway(app.app);
  const reach = async (_: unknown, { env }: { env: NodeJS.ProcessEnv }, signal: AbortSignal): Promise<Reached> => ({
    client: createGatewayClient(server.url, env, signal),
    config: configSchema.parse({}),
    models: [],
    [Symbol.asyncDispose]: async () => {},
  });
  return {
    ...{ cwd, app, url: server.url },
    at: (name: string) => join(cwd, name),
    run(input: string, flags: Readonly<Record<string, string | boolean>> = {}) {
      const context = fakeContext({ cwd });
      const code = runBatch(input, { output: "out.jsonl", window: "24h", ...flags }, context, reach);
      return { context, code };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
      rmSync(cwd, { recursive: true });
    },
  };
}

function chatLine(id: string, body: object = { model: MODEL_ID, messages: [{ role: "user", content: id }] }): string {
  return JSON.stringify({ custom_id: id, method: "POST", url: CHAT, body });
}

const idsIn = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => batchResult.parse(JSON.parse(line)).custom_id);

describe("sluice batch run", () => {
  it("writes the answers and the failures, and leaves nothing else, here and at the gateway", async () => {
    await using command = await createCommand();
    writeFileSync(command.at("in.jsonl"), [chatLine("a"), chatLine("b", {}), chatLine("c")].join("\n"));
    const { context, code } = command.run("in.jsonl");
    expect(await code).toBe(1);
    expect(idsIn(command.at("out.jsonl")).toSorted()).toEqual(["a", "c"]);
    expect(idsIn(command.at("out.jsonl.errors"))).toEqual(["b"]);
    expect(context.stderr.text()).toContain(`The 1 that failed are in ${command.at("out.jsonl.errors")}`);
    expect(readdirSync(command.cwd).toSorted()).toEqual(["in.jsonl", "out.jsonl", "out.jsonl.errors"]);
    expect(context.stderr.text()).toContain("completed: 3 of 3 (100 %), 1 failed\n");
    expect(command.app.state.files.usedBytes()).toBe(0);
  });

  it("goes on with the same batch when it is run again", async () => {
    const asked: string[] = [];
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const generate = script(async function* ({ prompt }) {
      asked.push(JSON.stringify(prompt));
      begun.resolve();
      await released;
      yield* answerWith(["Hi"]);
    });
    await using command = await createCommand(generate);
    writeFileSync(command.at("in.jsonl"), chatLine("a"));
    const first = command.run("in.jsonl");
    await begun.promise;
    while (!existsSync(command.at("out.jsonl.batch"))) await new Promise((resolve) => setImmediate(resolve));
    first.context.process.emit("SIGINT", "SIGINT");
    await expect(first.code).rejects.toThrow("SIGINT");
    expect(first.context.stderr.text()).toContain("Run the same command again");
    writeFileSync(command.at("other.jsonl"), chatLine("b"));
    await expect(command.run("other.jsonl").code).rejects.toThrow("of another batch for the same output");
    release();
    expect(await command.run("in.jsonl").code).toBe(0);
    expect(idsIn(command.at("out.jsonl"))).toEqual(["a"]);
    expect(asked).toHaveLength(1);
  });

  it("tells of each fault of its input, by its line", async () => {
    await using command = await createCommand();
    writeFileSync(command.at("in.jsonl"), [chatLine("a"), "{"].join("\n"));
    const { context, code } = command.run("in.jsonl");
    expect(await code).toBe(1);
    expect(context.stderr.text()).toContain("line 2: This line is not parseable as a JSON object.\n");
    expect(existsSync(command.at("out.jsonl"))).toBe(false);
  });

  it.each([
    ["a missing file", "none.jsonl", {}, "can't be read"],
    ["an empty file", "empty.jsonl", {}, "has no requests"],
    ["what is no request", "rows.jsonl", {}, "set --preset"],
    ["a wrong limit", "rows.jsonl", { limit: "-1" }, "--limit: -1 is not allowed"],
  ])("refuses %s", async (_, input, flags, words) => {
    await using command = await createCommand();
    writeFileSync(command.at("empty.jsonl"), "\n");
    writeFileSync(command.at("rows.jsonl"), '{"text":"a"}\n');
    await expect(command.run(input, flags).code).rejects.toThrow(words);
    expect(readdirSync(command.cwd)).toHaveLength(2);
  });

  it("makes requests of a preset's variables, from JSON and from CSV", async () => {
    await using command = await createCommand();
    writeFileSync(
      command.at("rows.csv"),
      '\uFEFFid,language,input\r\n7,French,"Hello, ""you"""\r\n8,German,"two\nlines"\r\n',
    );
    writeFileSync(command.at("rows.jsonl"), '{"language":"French","n":3}\n\n{"custom_id":"x"}\n');
    const made = async (input: string) => {
      const options = { preset: "translate", limit: undefined, seed: undefined };
      const { path, endpoint } = await prepareInput(command.at(input), command.at("made"), options);
      expect(endpoint).toBe("/v1/responses");
      return readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    };
    expect(await made("rows.csv")).toMatchObject([
      {
        custom_id: "7",
        body: { prompt: { id: "translate", variables: { language: "French" } }, input: 'Hello, "you"' },
      },
      { custom_id: "8", body: { input: "two\nlines" } },
    ]);
    expect(await made("rows.jsonl")).toMatchObject([
      { custom_id: "row-1", body: { prompt: { variables: { language: "French", n: "3" } } } },
      { custom_id: "x", body: { prompt: { id: "translate" } } },
    ]);
  });

  it("takes the first of the requests, or some at random, the same for the same seed", async () => {
    await using command = await createCommand();
    const names = Array.from({ length: 50 }, (_, n) => `line-${n}`);
    writeFileSync(command.at("in.jsonl"), names.map((name) => chatLine(name)).join("\n"));
    const chosen = async (limit: number | undefined, seed: number | undefined) => {
      const { path } = await prepareInput(command.at("in.jsonl"), command.at("made"), {
        preset: undefined,
        limit,
        seed,
      });
      return readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).custom_id);
    };
    expect(await chosen(3, undefined)).toEqual(names.slice(0, 3));
    const all = await chosen(undefined, 5);
    expect(all).not.toEqual(names);
    expect(all.toSorted()).toEqual(names.toSorted());
    expect(await chosen(4, 5)).toEqual(all.slice(0, 4));
    expect(await chosen(4, 6)).not.toEqual(all.slice(0, 4));
  });
});

describe("sluice batch", () => {
  it("lists, shows and cancels batches", async () => {
    await using command = await createCommand(
      script(async function* ({ signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield* answerWith([]);
      }),
    );
    const input = await command.app.upload([JSON.parse(chatLine("a"))]);
    const answer = await command.app.create({ input_file_id: input, endpoint: CHAT });
    const { id } = batchSchema.parse(await answer.json());
    const context = fakeContext();
    const flags = { url: command.url };
    expect(await listBatches(flags, context)).toBe(0);
    expect(context.stdout.text()).toMatch(new RegExp(`^BATCH +STATUS .*\n${id}  \\w+ +${CHAT}`));
    await cancelBatch(id, flags, context);
    await command.app.ended(id);
    await showBatch(id, flags, context);
    expect(context.stdout.text()).toMatch(/cancelled(: 1 of 1 \(100 %\), 1 failed)?\n$/);
    await expect(showBatch("batch_0", flags, context)).rejects.toThrow("No batch found with id 'batch_0'.");
  });
});
