import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";

/** No gateway listens on port 0, so each command starts its own. */
const OWN_GATEWAY = ["--port", "0", "--context", "1024"];

/** Runs the real command line to its end, which it can't reach while its engine runs. */
async function sluice(words: readonly string[], { input, onStderr }: Options = {}) {
  const child = spawn(process.execPath, ["src/main.ts", ...words, ...OWN_GATEWAY]);
  if (onStderr !== undefined) child.stderr.on("data", (chunk) => onStderr(String(chunk), child.kill.bind(child)));
  child.stdin.end(input);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { exitCode, stdout, stderr };
}

type Options = {
  readonly input?: string;
  readonly onStderr?: (text: string, kill: (signal: "SIGINT") => void) => void;
};

const evaluation = z.array(
  z.object({
    preset: z.string(),
    model: z.string(),
    accuracy: z.number(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    cases: z.array(z.object({ answer: z.string() })),
  }),
);

async function askShared(preset: string, content: string): Promise<string> {
  const response = await fetch(`${inject("gatewayUrl")}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: `preset/${preset}`, messages: [{ role: "user", content }] }),
  });
  const completion = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })) });
  return completion.parse(await response.json()).choices[0]?.message.content ?? "";
}

describe("sluice run, where no gateway runs", () => {
  test("starts one, prints only the answer that any gateway gives, and leaves nothing behind", async () => {
    const task = "The payment page is down.";
    const { exitCode, stdout, stderr } = await sluice(["run", "task-priority", task]);
    expect(stderr).toMatch(/^No gateway with the needed models runs at \S+: starting one for this command\.\n$/);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${await askShared("task-priority", task)}\n`);
  });

  test("accepts piped input, and variables", async () => {
    const words = ["run", "sql", "--var", "schema=orders(id, total)"];
    const { exitCode, stdout } = await sluice(words, { input: "How many orders are there?\n" });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("FROM orders");
  });

  test("lists the presets when there is none with that name", async () => {
    const { exitCode, stdout, stderr } = await sluice(["run", "nope", "Hi"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: "" });
    expect(stderr).toContain("preset/task-priority");
  });

  test("ends with 130 when it is interrupted while the model loads", async () => {
    let isSent = false;
    const { exitCode, stdout } = await sluice(["run", "task-priority", "Hi"], {
      onStderr(text, kill) {
        if (isSent || !text.includes("starting one")) return;
        isSent = true;
        kill("SIGINT");
      },
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: "" });
  });
});

describe("sluice eval, where no gateway runs", () => {
  test("starts one, and reports the result of each case of a preset", async () => {
    const { exitCode, stdout } = await sluice(["eval", "name-variable", "--json"]);
    expect(exitCode).toBe(0);
    const [score, ...others] = evaluation.parse(JSON.parse(stdout));
    expect(others).toEqual([]);
    expect(score).toMatchObject({ preset: "name-variable", model: "smollm2-135m-instruct" });
    expect(score?.cases).toHaveLength(8);
    expect(score?.accuracy).toBeGreaterThan(0.5);
    expect(score?.inputTokens).toBeGreaterThan(score?.outputTokens ?? 0);
  });

  test("prints a table for the named models, and exits with 1 if a preset does worse than required", async () => {
    const words = ["eval", "task-priority", "--model", inject("modelPath"), "--min-accuracy", "1"];
    const { exitCode, stdout } = await sluice(words);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^PRESET +MODEL +CASES .*\ntask-priority +\S+ +15 +\d+ % +\d+ +\d+ +\d+\n$/);
  });
});
