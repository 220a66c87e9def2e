import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { endAll, runSluice } from "../integration/sluice-process.ts";
import { preparePython, runPython } from "./python/environment.ts";

const FOLDER = "test/clients/libraries";
const KEY = "sk-sluice-libraries-trial";
const MODEL = "smollm2-135m-instruct";

/** The result of a scenario: see `libraries/scenarios.py`. */
const outcomes = z.record(
  z.string(),
  z.union([z.strictObject({ value: z.unknown() }), z.strictObject({ error: z.string(), message: z.string() })]),
);

const folder = await mkdtemp(join(tmpdir(), "sluice-libraries-"));
let url = "";

beforeAll(async () => {
  const state = join(folder, "state.db");
  const size = ["--slots", "2", "--context", "2048"];
  const sluice = runSluice(...size, "--state-file", state, "--api-key", KEY, "--cache-bytes", "0");
  url = await sluice.ready;
});

afterAll(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

/** Libraries that work with version 3 of the `openai` package, and those that need version 2. */
const ENVIRONMENTS: Readonly<Record<string, () => Promise<string>>> = {
  [FOLDER]: preparation(FOLDER),
  [`${FOLDER}/openai2`]: preparation(`${FOLDER}/openai2`),
};

function preparation(requirements: string): () => Promise<string> {
  let prepared: Promise<string> | undefined;
  return () => (prepared ??= preparePython(requirements));
}

const city = z.strictObject({ city: z.enum(["Paris", "Rome"]), large: z.boolean() });
const TOO_LONG = /This model's maximum context length is 2048 tokens|prompt is too long: \d+ tokens > 2048 maximum/;

/** The expected result of each task, in any library. */
const EXPECTED: Readonly<Record<string, (outcome: unknown) => void>> = {
  plain: (outcome) => expect(outcome).toEqual({ value: expect.stringMatching(/\w/) }),
  stream: (outcome) => {
    const { text, pieces } = z.object({ value: z.object({ text: z.string(), pieces: z.int() }) }).parse(outcome).value;
    expect(text).toMatch(/\w/);
    expect(pieces).toBeGreaterThan(3);
  },
  tools: (outcome) => {
    const { name, arguments: given } = z
      .object({
        value: z.object({ name: z.string(), arguments: z.union([z.string(), z.record(z.string(), z.unknown())]) }),
      })
      .parse(outcome).value;
    expect(name).toBe("weather");
    expect(typeof given === "string" ? JSON.parse(given) : given).toEqual({ city: expect.any(String) });
  },
  structured: (outcome) => void z.strictObject({ value: city }).parse(outcome),
  choice: (outcome) => expect(outcome).toEqual({ value: expect.stringMatching(/^(red|green)$/) }),
  regex: (outcome) => expect(outcome).toEqual({ value: expect.stringMatching(/^[a-c]{3}-\d{2}$/) }),
  grammar: (outcome) => expect(outcome).toEqual({ value: expect.stringMatching(/^(hello|good day) [A-Z][a-z]{2,5}$/) }),
  cancel: (outcome) => expect(outcome).toEqual({ value: expect.stringMatching(/\w/) }),
  models: (outcome) => expect(outcome).toEqual({ value: expect.anything() }),
  batch: (outcome) => {
    const text = expect.stringMatching(/\w/);
    expect(outcome).toEqual({ value: { status: "completed", ids: ["one", "two"], text, listed: true } });
  },
  length_refused: (outcome) =>
    expect(outcome).toMatchObject({ message: expect.stringMatching(/'guided_grammar'.*max_tokens/) }),
  json_refused: (outcome) =>
    expect(outcome).toMatchObject({ message: expect.stringMatching(/'guided_grammar'.*%json/) }),
  over_context: (outcome) => expect(outcome).toMatchObject({ message: expect.stringMatching(TOO_LONG) }),
  wrong_key: (outcome) =>
    expect(outcome).toMatchObject({ message: expect.stringContaining("Incorrect API key provided") }),
};

/** Each library's scenarios. A name begins with the way to ask, and ends with a task of `EXPECTED`. */
const LIBRARIES: readonly {
  readonly name: string;
  readonly script: string;
  readonly requirements: string;
  readonly things: readonly string[];
}[] = [
  {
    ...{ name: "litellm", script: "litellm_client", requirements: FOLDER },
    things: [
      "models",
      "batch",
      ...["openai", "hosted_vllm", "anthropic"].flatMap((provider) =>
        ["plain", "stream", "tools", "structured", "cancel", "over_context", "wrong_key"].map(
          (thing) => `${provider}_${thing}`,
        ),
      ),
      // It can't require a tool call.
      ...["plain", "stream", "structured", "cancel", "over_context", "wrong_key"].map(
        (thing) => `ollama_chat_${thing}`,
      ),
    ],
  },
  {
    ...{ name: "Anthropic's SDK", script: "anthropic_client", requirements: FOLDER },
    things: ["plain", "stream", "tools", "cancel", "batch", "over_context", "wrong_key"],
  },
  {
    ...{ name: "ollama", script: "ollama_client", requirements: FOLDER },
    things: ["plain", "generated_plain", "stream", "structured", "cancel", "models", "over_context", "wrong_key"],
  },
  {
    ...{ name: "LangChain", script: "langchain_client", requirements: FOLDER },
    things: ["plain", "stream", "responses_stream", "tools", "structured", "cancel", "over_context", "wrong_key"],
  },
  {
    ...{ name: "pydantic-ai", script: "pydantic_ai_client", requirements: FOLDER },
    things: [
      "plain",
      "stream",
      "responses_plain",
      "messages_plain",
      "structured",
      "called_structured",
      "messages_structured",
      "over_context",
      "wrong_key",
    ],
  },
  {
    ...{ name: "smolagents", script: "smolagents_client", requirements: FOLDER },
    things: ["plain", "stream", "tools", "structured", "over_context", "wrong_key"],
  },
  {
    ...{ name: "llm", script: "llm_client", requirements: FOLDER },
    things: ["plain", "streamed_plain", "structured", "models", "over_context", "wrong_key"],
  },
  {
    ...{ name: "outlines", script: "outlines_client", requirements: FOLDER },
    things: [
      ...["openai", "vllm", "sglang"].flatMap((mode) =>
        ["plain", "stream", "structured"].map((thing) => `${mode}_${thing}`),
      ),
      ...["vllm_choice", "vllm_regex", "vllm_grammar", "sglang_choice", "sglang_regex", "over_context", "wrong_key"],
    ],
  },
  {
    ...{ name: "guidance", script: "guidance_client", requirements: FOLDER },
    things: [
      ...["openai_plain", "openai_structured", "openai_over_context", "openai_wrong_key"],
      ...["vllm_choice", "vllm_regex", "vllm_length_refused", "vllm_json_refused"],
      ...["sglang_plain", "sglang_regex", "sglang_structured"],
    ],
  },
  {
    ...{ name: "LlamaIndex", script: "llama_index_client", requirements: `${FOLDER}/openai2` },
    things: ["plain", "stream", "tools", "structured", "over_context", "wrong_key"],
  },
  {
    ...{ name: "instructor", script: "instructor_client", requirements: `${FOLDER}/openai2` },
    things: [
      "structured",
      "called_structured",
      "strict_structured",
      "streamed_structured",
      "over_context",
      "wrong_key",
    ],
  },
];

type Outcomes = z.infer<typeof outcomes>;

const runs = new Map<string, Promise<Outcomes>>();

/** What a library's scenarios came to. They run once. */
function outcomesOf(script: string, requirements: string): Promise<Outcomes> {
  const known = runs.get(script);
  if (known !== undefined) return known;
  const run = runScenarios(script, requirements);
  runs.set(script, run);
  return run;
}

async function runScenarios(script: string, requirements: string): Promise<Outcomes> {
  const python = await ENVIRONMENTS[requirements]?.();
  if (python === undefined) throw new Error(`there is no environment for ${requirements}`);
  return outcomes.parse(await runPython(python, `${FOLDER}/${script}.py`, url, KEY, MODEL));
}

describe.each(LIBRARIES)("$name", ({ script, requirements, things }) => {
  let found: Outcomes = {};

  beforeAll(async () => {
    found = await outcomesOf(script, requirements);
  }, 600_000);

  test.each(things)("does what its users expect: %s", (thing) => {
    const expected = Object.entries(EXPECTED).find(([ending]) => thing.endsWith(ending))?.[1];
    if (expected === undefined) throw new Error(`nothing is expected of ${thing}`);
    expected(found[thing]);
  });
});

describe("libraries with their own error types", () => {
  test("litellm and pydantic-ai recognise a full context and a wrong key", async () => {
    const errorsOf = async (script: string) =>
      Object.entries(await outcomesOf(script, FOLDER))
        .filter(([name]) => name.endsWith("over_context") || name.endsWith("wrong_key"))
        .map(([name, outcome]) => ({ name, error: "error" in outcome ? outcome.error : "none" }));
    const ours = Map.groupBy(await errorsOf("litellm_client"), ({ name }) => name.startsWith("ollama_chat"));
    const known = (isOllama: boolean) => new Set(ours.get(isOllama)?.map(({ error }) => error));
    expect(known(false)).toEqual(new Set(["ContextWindowExceededError", "AuthenticationError"]));
    // It has no such error for Ollama, which truncates prompts that are too long.
    expect(known(true)).toEqual(new Set(["BadRequestError", "AuthenticationError"]));
    expect((await errorsOf("pydantic_ai_client")).map(({ error }) => error)).toEqual([
      "ModelContextWindowExceededError",
      "ModelAuthenticationError",
    ]);
  }, 600_000);
});
