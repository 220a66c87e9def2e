import { hash } from "node:crypto";
import type { GenerationRequest, Message, OutputFormat, Prompt, Sampling, ToolUse } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { canonicalSchema } from "./schema.ts";

/** Increase it with every change to the contents of a key or to the format of a stored answer. */
export const KEY_VERSION = 3;

/** The scope of an answer that every tenant may use. */
const PUBLIC_SCOPE = "public";

/** The scope of an answer that only one tenant may use. */
export function tenantScope(tenant: string): string {
  return `tenant:${tenant}`;
}

/** The scope of the answers that a request may use. */
export function scopeOf({ terms = OWN_TERMS, cache }: GenerationRequest): string {
  return cache?.isPublic === true ? PUBLIC_SCOPE : tenantScope(terms.tenant);
}

/**
 * The key of a request's answer: the SHA-256 of everything that the answer depends on, in 43 characters. Fields that don't matter, such as the id
 * and the terms, are excluded by name; all others count, including fields added in future.
 *
 * Order counts in what the model reads, since templates write it in that order: messages, tools, all keys of a tool's schema, and values nested in
 * template arguments. Elsewhere it doesn't.
 *
 * @param identity the result of `identityOf` for the model
 */
export function keyOf(request: GenerationRequest, identity: string): string {
  const { id, model, terms, cache, cascade, journal, observe, said, signal, prompt, tools, output, sampling, ...rest } =
    request;
  const parts = [
    KEY_VERSION,
    scopeOf(request),
    identity,
    canonicalPrompt(prompt),
    tools === undefined ? null : canonicalTools(tools),
    output === undefined ? null : canonicalOutput(output),
    canonicalSampling(sampling),
    entriesOf(rest),
  ];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

function canonicalPrompt(prompt: Prompt): unknown {
  if (prompt.type !== "chat") return entriesOf(prompt);
  const { messages, templateArguments = {}, ...rest } = prompt;
  return [
    messages.map(canonicalMessage),
    // Templates look arguments up by name, so their order doesn't count.
    sortedEntries(templateArguments),
    entriesOf(rest),
  ];
}

/** Includes the ids of tool calls, since some templates write them. */
function canonicalMessage({ toolCalls, ...rest }: Message): unknown {
  return [entriesOf(rest), toolCalls?.map(entriesOf) ?? null];
}

function canonicalTools({ tools, ...rest }: ToolUse): unknown {
  return [tools.map(entriesOf), entriesOf(rest)];
}

function canonicalOutput(output: OutputFormat): unknown {
  if (output.type === "schema") {
    const { schema, ...rest } = output;
    return [canonicalSchema(schema), entriesOf(rest)];
  }
  if (output.type === "grammar") {
    const { grammar, ...rest } = output;
    return [entriesOf(grammar), entriesOf(rest)];
  }
  return [null, entriesOf(output)];
}

/**
 * At temperature 0 the other sampling settings don't count. Only whether there is a seed does, since such a request is evaluated so that it can be
 * repeated bit for bit.
 */
function canonicalSampling(sampling: Sampling): unknown {
  const { temperature, topP, topK, minP, seed, logitBias, ...rest } = sampling;
  const isGreedy = temperature === 0;
  return [
    temperature,
    isGreedy ? null : [topP, topK, minP],
    isGreedy ? seed !== undefined : (seed ?? null),
    logitBias.toSorted(([a], [b]) => a - b),
    entriesOf(rest),
  ];
}

/** The fields sorted by name, without those that are undefined or false, which count as absent. */
function entriesOf(record: object): unknown {
  return sortedEntries(record).filter(([, value]) => value !== undefined && value !== false);
}

function sortedEntries(record: object): [string, unknown][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
