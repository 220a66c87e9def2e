/** EleutherAI's lm-evaluation-harness, over completions (multiple choice needs the prompt's log-probabilities) and chat completions. */
import { join } from "node:path";
import type { Bed, BedRunOptions } from "./kit/bed.ts";
import { assertAnswered, assertEnds, assertFewTries, assertSays, assertSuccess } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";
import { tooLong } from "./kit/prompts.ts";

const VERSION = "0.4.13";
const TOKENIZER = join(import.meta.dirname, "lm-eval/tokenizer.py");

/** Tasks of our own: data sets come from the network, and these few lines show the same. */
const CHOICES = `
task: sluice_choices
dataset_path: json
dataset_kwargs: { data_files: { test: choices.jsonl } }
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list: [{ metric: acc }]
`;
const GENERATION = `
task: sluice_generation
dataset_path: json
dataset_kwargs: { data_files: { test: generation.jsonl } }
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: { until: ["\\n"], max_gen_toks: 16, do_sample: false }
metric_list: [{ metric: exact_match }]
`;

/** Runs a task; nothing is downloaded for it. */
function evaluate(
  bed: Bed,
  kind: "completions" | "chat-completions",
  task: string,
  { env, ...options }: BedRunOptions = {},
) {
  const path = kind === "completions" ? "completions" : "chat/completions";
  // Multiple choice counts the question's tokens, to know which of the log-probabilities are the answer's.
  const tokenizer =
    kind === "completions"
      ? `tokenizer_backend=huggingface,tokenizer=${join(bed.work, "tokenizer")}`
      : "tokenizer_backend=none";
  const args = [
    ...["--model", `local-${kind}`, "--tasks", task, "--include_path", bed.work, "--batch_size", "1"],
    ...[
      "--model_args",
      `model=${bed.callingModel},base_url=${bed.recorder.url}/v1/${path},${tokenizer},tokenized_requests=False,max_retries=2`,
    ],
    ...(kind === "chat-completions" ? ["--apply_chat_template"] : []),
  ];
  return bed.run("lm_eval", args, {
    ...options,
    env: { OPENAI_API_KEY: bed.key, HF_DATASETS_OFFLINE: "1", HF_HUB_OFFLINE: "1", TRANSFORMERS_OFFLINE: "1", ...env },
  });
}

await tryClient({
  client: "lm-eval",
  version: VERSION,
  async setUp(bed) {
    await bed.pip(`lm-eval[api]==${VERSION}`, "transformers==5.24.0", "gguf==0.19.0");
    if (bed.modelFile === undefined)
      throw new Error("it needs --model-file, of a model whose vocabulary is of GPT-2's kind");
    const made = await bed.run("python", [TOKENIZER, bed.modelFile, join(bed.work, "tokenizer")]);
    assertSuccess(made);
    const lines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join("\n");
    const file = (name: string, text: string) => bed.write(join("../work", name), text);
    await file("choices.yaml", CHOICES);
    await file("generation.yaml", GENERATION);
    await file(
      "choices.jsonl",
      lines([
        { question: "The capital of France is", choices: [" Paris", " a banana", " seven"], answer: 0 },
        { question: "Water is", choices: [" wet", " a triangle"], answer: 0 },
      ]),
    );
    await file("generation.jsonl", lines([{ question: "One, two, three,", answer: "four" }]));
    await file(
      "long.yaml",
      GENERATION.replace("sluice_generation", "sluice_long").replace("generation.jsonl", "long.jsonl"),
    );
    await file("long.jsonl", lines([{ question: tooLong(bed.contextTokens), answer: "four" }]));
  },
  things: {
    async plain(bed) {
      const choices = await evaluate(bed, "completions", "sluice_choices");
      assertSuccess(choices);
      assertSays(choices, /sluice_choices\s*\|.*acc/);
      const asked = assertAnswered(bed).length;
      const accuracy = /acc\s*\|[^|]*\|([\d.]+)/.exec(choices.stdout.replaceAll(/\s+/g, ""))?.[1];
      const generation = await evaluate(bed, "chat-completions", "sluice_generation");
      assertSuccess(generation);
      assertSays(generation, /sluice_generation\s*\|.*exact_match/);
      assertAnswered(bed);
      return `multiple choice by echo and logprobs, ${asked} requests, accuracy ${accuracy ?? "unknown"}; a generation task by chat`;
    },
    async "over-context"(bed) {
      const finished = await evaluate(bed, "chat-completions", "sluice_long");
      assertEnds(finished);
      const tries = assertFewTries(bed, 400);
      assertSays(finished, /maximum context length/);
      return `tells the error, ends with ${finished.code}; ${tries} × 400`;
    },
    async "wrong-key"(bed) {
      const finished = await evaluate(bed, "chat-completions", "sluice_generation", {
        env: { OPENAI_API_KEY: "sk-wrong" },
      });
      assertEnds(finished);
      const tries = assertFewTries(bed, 401);
      assertSays(finished, /Incorrect API key/);
      return `tells the error, ends with ${finished.code}; ${tries} × 401`;
    },
  },
});
