/** The numbers that a request may have, with their ranges (docs/api.md, "Fields that work"). */
export const NUMBERS = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.1, usual: "1" },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: 0.05, usual: "1" },
  { name: "top_k", label: "Top k", min: 0, max: 1_000_000, step: 1, usual: "off" },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: 0.01, usual: "off" },
  { name: "repeat_penalty", label: "Repeat penalty", min: 0.01, max: 10, step: 0.05, usual: "off" },
  { name: "presence_penalty", label: "Presence penalty", min: -2, max: 2, step: 0.1, usual: "0" },
  { name: "frequency_penalty", label: "Frequency penalty", min: -2, max: 2, step: 0.1, usual: "0" },
  { name: "max_tokens", label: "Tokens at most", min: 1, max: 10_000_000, step: 1, usual: "no limit" },
  {
    name: "seed",
    label: "Seed",
    min: Number.MIN_SAFE_INTEGER,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    usual: "random",
  },
] as const;

type NumberName = (typeof NUMBERS)[number]["name"];

export const EFFORTS = ["none", "minimal", "low", "medium", "high", "max"] as const;

/** What a conversation's requests have beside its messages. What is empty or absent isn't sent. */
export type Settings = {
  readonly system: string;
  readonly numbers: Readonly<Partial<Record<NumberName, number>>>;
  /** Texts that end an answer, one a line. */
  readonly stop: string;
  /** One of `EFFORTS`, or "". */
  readonly effort: string;
  /** A JSON schema, as typed. */
  readonly schema: string;
  /** A list of tools in OpenAI's form, as typed. */
  readonly tools: string;
  /** Whether each token's probability is asked for. */
  readonly hasProbabilities: boolean;
  /** The values of variables by preset, since each has its own. */
  readonly variables: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

export const NO_SETTINGS: Settings = {
  system: "",
  numbers: {},
  stop: "",
  effort: "",
  schema: "",
  tools: "",
  hasProbabilities: false,
  variables: {},
};

/** A setting that can't be sent, and what to do about it. */
export type Problem = { readonly field: "schema" | "tools" | "stop" | NumberName; readonly message: string };

/** Lists what is wrong with settings, before the server would. */
export function findProblems(settings: Settings): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { name, label, min, max, step } of NUMBERS) {
    const value = settings.numbers[name];
    if (value === undefined) continue;
    if (!Number.isFinite(value) || value < min || value > max) {
      problems.push({ field: name, message: `${label} must be from ${min} to ${max}.` });
    } else if (step === 1 && !Number.isInteger(value)) {
      problems.push({ field: name, message: `${label} must be a whole number.` });
    }
  }
  if (stopsOf(settings).length > 64) problems.push({ field: "stop", message: "There may be 64 stop texts at most." });
  const schema = readJson(settings.schema);
  if (schema.isWrong) problems.push({ field: "schema", message: `The schema is no JSON: ${schema.reason}` });
  else if (schema.value !== undefined && !isObject(schema.value)) {
    problems.push({ field: "schema", message: 'The schema must be an object, such as {"type": "object"}.' });
  }
  const tools = readJson(settings.tools);
  if (tools.isWrong) problems.push({ field: "tools", message: `The tools are no JSON: ${tools.reason}` });
  else if (tools.value !== undefined && !(Array.isArray(tools.value) && tools.value.every(isObject))) {
    problems.push({
      field: "tools",
      message: 'The tools must be a list of objects, as in OpenAI\'s API: [{"type": "function", "function": {…}}].',
    });
  }
  return problems;
}

/** The texts that end an answer. `\n` and `\t` are written as such, since a text is a line. */
export function stopsOf({ stop }: Settings): readonly string[] {
  return stop
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll("\\n", "\n").replaceAll("\\t", "\t"));
}

type Json = { readonly isWrong: true; readonly reason: string } | { readonly isWrong: false; readonly value: unknown };

/** Parses JSON that a user typed. Nothing but white space is `undefined`. */
export function readJson(text: string): Json {
  if (text.trim() === "") return { isWrong: false, value: undefined };
  try {
    return { isWrong: false, value: JSON.parse(text) };
  } catch (error) {
    return { isWrong: true, reason: error instanceof Error ? error.message : String(error) };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
