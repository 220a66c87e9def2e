import type { Body } from "./body.ts";

/** A request as a program. */
export type Sample = { readonly language: "curl" | "TypeScript" | "Python"; readonly code: string };

/**
 * Fields of a chat completion that OpenAI's clients know. The others are Sluice's or other servers': TypeScript's client sends what it gets,
 * but its types refuse them, and Python's client takes them as `extra_body` alone.
 */
const OPENAI_FIELDS = new Set([
  "model",
  "messages",
  "temperature",
  "top_p",
  "presence_penalty",
  "frequency_penalty",
  "max_tokens",
  "seed",
  "stop",
  "reasoning_effort",
  "response_format",
  "tools",
  "logprobs",
  "top_logprobs",
  "stream",
  "stream_options",
]);

/**
 * Writes a request as a command and as programs that print the answer as it comes.
 * @param origin the gateway's URL, without a path
 */
export function writeSamples(origin: string, body: Body): readonly Sample[] {
  return [
    { language: "curl", code: writeCurl(origin, body) },
    { language: "TypeScript", code: writeTypeScript(origin, body) },
    { language: "Python", code: writePython(origin, body) },
  ];
}

function writeCurl(origin: string, body: Body): string {
  const quoted = JSON.stringify(body, undefined, 2).replaceAll("'", `'\\''`);
  return [
    `curl --no-buffer ${origin}/v1/chat/completions \\`,
    `  -H 'content-type: application/json' \\`,
    `  -H "authorization: Bearer \${SLUICE_API_KEY:-none}" \\`,
    // Not `--data`, for which a text that begins with @ is a file's name.
    `  --data-raw '${quoted}'`,
  ].join("\n");
}

function writeTypeScript(origin: string, body: Body): string {
  const { known, own } = split(body);
  const fields = Object.entries(known).map(
    ([name, value]) => `  ${name}: ${indent(JSON.stringify(value, undefined, 2))},`,
  );
  if (Object.keys(own).length > 0) {
    // TypeScript doesn't check what is spread for unknown fields.
    fields.push("  // Fields that OpenAI's API doesn't have.", `  ...${indent(JSON.stringify(own, undefined, 2))},`);
  }
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${JSON.stringify(`${origin}/v1`)}, apiKey: process.env.SLUICE_API_KEY ?? "none" });

const stream = await client.chat.completions.create({
${fields.join("\n")}
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
}
`;
}

function writePython(origin: string, body: Body): string {
  const { known, own } = split(body);
  const fields = Object.entries(known).map(([name, value]) => `    ${name}=${toPython(value, 1)},`);
  if (Object.keys(own).length > 0) {
    fields.push("    # Fields that OpenAI's API doesn't have.", `    extra_body=${toPython(own, 1)},`);
  }
  return `import os

from openai import OpenAI

client = OpenAI(base_url=${toPython(`${origin}/v1`, 0)}, api_key=os.environ.get("SLUICE_API_KEY", "none"))

stream = client.chat.completions.create(
${fields.join("\n")}
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`;
}

function split(body: Body): { readonly known: Record<string, unknown>; readonly own: Record<string, unknown> } {
  const entries = Object.entries(body);
  return {
    known: Object.fromEntries(entries.filter(([name]) => OPENAI_FIELDS.has(name))),
    own: Object.fromEntries(entries.filter(([name]) => !OPENAI_FIELDS.has(name))),
  };
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n  ");
}

/** Writes a JSON value in Python's spelling. JSON's texts are Python's too, once halves of surrogate pairs are joined. */
function toPython(value: unknown, depth: number): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const outer = "    ".repeat(depth);
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((each) => `${inner}${toPython(each, depth + 1)},\n`).join("")}${outer}]`;
  }
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  if (entries.length === 0) return "{}";
  const lines = entries.map(([name, each]) => `${inner}${JSON.stringify(name)}: ${toPython(each, depth + 1)},\n`);
  return `{\n${lines.join("")}${outer}}`;
}
