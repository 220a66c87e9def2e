import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { ensureModel, loadCatalogue, resolveModel } from "../../../src/models/index.ts";

const run = promisify(execFile);

/** llama.cpp's source, as the binding carries it: a git bundle, whose `models/templates` are models' published templates. */
const BINDING = fileURLToPath(new URL("../../../node_modules/node-llama-cpp/llama/", import.meta.url));
/** Git ignores it: no template is in this repository. */
const UNPACKED = fileURLToPath(new URL(".unpacked/", import.meta.url));
const IN_BUNDLE = "models/templates";

/** How a call is written in a message, for models whose templates can't. */
export type CallsInWords = {
  readonly write: (name: string, json: string) => string;
  /** The same, with what stands for the name and the arguments in the instructions. */
  readonly example: string;
};

/** A model's template, and what of its vocabulary a rendering needs. */
export type Family = {
  /** A file of `models/templates` in llama.cpp, without its ending; that of the default model is in the model itself. */
  readonly template: string;
  readonly beginToken: string;
  readonly endToken: string;
  /** Some control tokens of its vocabulary, which no message may make. */
  readonly control: readonly string[];
  /** False where the template refuses system messages; then the conversations have none. */
  readonly takesSystem?: false;
  /** True where the family is published with another template for conversations without tools, which isn't at hand. */
  readonly onlyTools?: true;
  /**
   * What Sluice changes about a conversation before the template sees it, and so what the reference is given: calls one by one, or
   * tools, calls and results in words, where the template can't show them or nobody here reads its form.
   */
  readonly adaptation?: "oneCallAMessage" | CallsInWords;
  /** What ends a turn with calls, where it isn't the end token. */
  readonly callsEnd?: string;
  /** Whether words and reasoning before a call are given as reasoning, because the template refuses both. */
  readonly wordsOrReasoning?: true;
};

const CHATML = { beginToken: "<|im_start|>", endToken: "<|im_end|>", control: ["<|im_start|>", "<|im_end|>"] };
const QWEN = { ...CHATML, beginToken: "", control: [...CHATML.control, "<|endoftext|>"] };
const LLAMA = {
  beginToken: "<|begin_of_text|>",
  endToken: "<|eot_id|>",
  control: ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"],
};
const MISTRAL = { beginToken: "<s>", endToken: "</s>", control: ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"] };
const GEMMA = { beginToken: "<bos>", endToken: "<eos>" };
const DEEPSEEK = {
  beginToken: "<｜begin▁of▁sentence｜>",
  endToken: "<｜end▁of▁sentence｜>",
  control: ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"],
};

const IN_HERMES: CallsInWords = {
  write: (name, json) => `<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>`,
  example: '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
};
const inDeepseek = (write: (name: string, json: string) => string): CallsInWords => {
  const all = (name: string, json: string) =>
    `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>${write(name, json)}<｜tool▁call▁end｜><｜tool▁calls▁end｜>`;
  return { write: all, example: all("<function-name>", "<args-json-object>") };
};
const IN_R1 = inDeepseek((name, json) => `function<｜tool▁sep｜>${name}\n\`\`\`json\n${json}\n\`\`\``);
const IN_V3 = inDeepseek((name, json) => `${name}<｜tool▁sep｜>${json}`);

/** The default model's own template is read from its file. */
export const DEFAULT_MODEL = "smollm2-135m-instruct";
/** More than its vocabulary and what stands around it. */
const HEADER_BYTES = 8 * 1024 * 1024;

export const FAMILIES: readonly Family[] = [
  { template: DEFAULT_MODEL, ...CHATML, adaptation: IN_HERMES },
  { template: "Qwen-Qwen2.5-7B-Instruct", ...QWEN },
  { template: "Qwen-Qwen3-0.6B", ...QWEN },
  { template: "Qwen-QwQ-32B", ...QWEN },
  { template: "Qwen3-Coder", ...QWEN },
  { template: "Qwen3.5-4B", ...QWEN },
  { template: "NousResearch-Hermes-3-Llama-3.1-8B-tool_use", ...CHATML, beginToken: LLAMA.beginToken, onlyTools: true },
  { template: "meta-llama-Llama-3.2-3B-Instruct", ...LLAMA, adaptation: "oneCallAMessage" },
  { template: "mistralai-Mistral-Nemo-Instruct-2407", ...MISTRAL },
  { template: "Mistral-Small-3.2-24B-Instruct-2506", ...MISTRAL },
  { template: "mistralai-Ministral-3-14B-Reasoning-2512", ...MISTRAL },
  {
    template: "google-gemma-2-2b-it",
    ...GEMMA,
    control: ["<bos>", "<start_of_turn>", "<end_of_turn>"],
    takesSystem: false,
    callsEnd: "<end_of_turn>",
    adaptation: IN_HERMES,
  },
  {
    template: "google-gemma-4-31B-it",
    ...GEMMA,
    control: ["<bos>", "<|turn>", "<turn|>", "<|tool_call>"],
    callsEnd: "<|tool_response>",
  },
  { template: "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", ...DEEPSEEK, adaptation: IN_R1 },
  { template: "deepseek-ai-DeepSeek-V3.1", ...DEEPSEEK, adaptation: IN_V3 },
  {
    template: "openai-gpt-oss-120b",
    beginToken: "<|startoftext|>",
    endToken: "<|return|>",
    control: ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>"],
    wordsOrReasoning: true,
    callsEnd: "<|call|>",
    adaptation: "oneCallAMessage",
  },
  {
    template: "microsoft-Phi-3.5-mini-instruct",
    beginToken: "<s>",
    endToken: "<|endoftext|>",
    control: ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
    callsEnd: "<|end|>",
    adaptation: IN_HERMES,
  },
  { template: "HuggingFaceTB-SmolLM3-3B", ...CHATML, beginToken: "", adaptation: IN_HERMES },
];

/** For each entry of the catalogue that is talked to, the template that it is published with, or why that is not tested. */
export const CATALOGUE: Readonly<Record<string, { readonly template: string } | { readonly untested: string }>> = {
  [DEFAULT_MODEL]: { template: DEFAULT_MODEL },
  "gemma-3-270m": { untested: "a base model, published without a template" },
  "qwen3-0.6b": { template: "Qwen-Qwen3-0.6B" },
  "gemma-3-1b-it": { untested: "llama.cpp carries no template of Gemma 3, only those of Gemma 2 and 4" },
  "llama-3.2-1b-instruct": { template: "meta-llama-Llama-3.2-3B-Instruct" },
  "llama-3.2-3b-instruct": { template: "meta-llama-Llama-3.2-3B-Instruct" },
  "phi-4-mini-instruct": { untested: "llama.cpp carries no template of Phi 4, only that of Phi 3.5" },
  "qwen3-4b": { template: "Qwen-Qwen3-0.6B" },
  "gemma-3-4b-it": { untested: "llama.cpp carries no template of Gemma 3, only those of Gemma 2 and 4" },
  "qwen3-8b": { template: "Qwen-Qwen3-0.6B" },
  "gpt-oss-20b": { template: "openai-gpt-oss-120b" },
  "qwen3-30b-a3b": { template: "Qwen-Qwen3-0.6B" },
  "qwen2.5-coder-1.5b": { untested: "a base model, for completions" },
  "qwen2.5-coder-7b-instruct": { template: "Qwen-Qwen2.5-7B-Instruct" },
  "deepseek-r1-distill-qwen-1.5b": { template: "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B" },
  "deepseek-r1-distill-qwen-7b": { template: "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B" },
};

export type TemplateSource = {
  readonly text: string;
  readonly sha256: string;
};

/** The release of llama.cpp that the binding carries. */
export async function llamaCppRelease(): Promise<string> {
  const file = await readFile(join(BINDING, "binariesGithubRelease.json"), "utf8");
  return z.object({ release: z.string() }).parse(JSON.parse(file)).release;
}

/** A family's template. The first call for a release unpacks its templates, which takes about three seconds. */
export async function readTemplate(template: string): Promise<TemplateSource> {
  unpacking ??= unpack();
  const text =
    template === DEFAULT_MODEL
      ? await readDefaultModel()
      : await readFile(join(await unpacking, IN_BUNDLE, `${template}.jinja`), "utf8");
  return { text, sha256: createHash("sha256").update(text).digest("hex") };
}

/** From the file's header: a key, the number of its type, which is 8 for a string, the length, and the text. */
async function readDefaultModel(): Promise<string> {
  const { path } = await ensureModel(await resolveModel(DEFAULT_MODEL, await loadCatalogue()), { modelsDir: "models" });
  const file = await open(path);
  try {
    const { buffer: header } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const key = "tokenizer.chat_template";
    const at = header.indexOf(key) + key.length;
    if (at < key.length || header.readUInt32LE(at) !== 8) throw new Error(`${path} has no chat template`);
    const start = at + 12;
    return header.toString("utf8", start, start + Number(header.readBigUInt64LE(at + 4)));
  } finally {
    await file.close();
  }
}

let unpacking: Promise<string> | undefined;

async function unpack(): Promise<string> {
  const folder = join(UNPACKED, await llamaCppRelease());
  if (await isThere(folder)) return folder;
  await mkdir(UNPACKED, { recursive: true });
  const repository = await mkdtemp(join(UNPACKED, "bundle-"));
  const part = await mkdtemp(join(UNPACKED, "part-"));
  try {
    await run("git", ["clone", "--quiet", "--bare", join(BINDING, "gitRelease.bundle"), repository]);
    await run("git", ["--git-dir", repository, "--work-tree", part, "checkout", "--quiet", "HEAD", "--", IN_BUNDLE]);
    await rename(part, folder);
  } finally {
    await rm(repository, { recursive: true, force: true });
    await rm(part, { recursive: true, force: true });
  }
  return folder;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
