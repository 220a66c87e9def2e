import { hash } from "node:crypto";
import type { GenerationRequest, Message, OutputFormat, Prompt, Sampling, ToolUse } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { canonicalSchema } from "./schema.ts";

/** To be raised with every change of what a key is made of, or of what an answer is kept as. */
export const KEY_VERSION = 3;

/** The scope of an answer that every tenant may use. */
const PUBLIC_SCOPE = "public";

/** The scope of an answer that only one tenant may use. */
export function tenantScope(tenant: string): string {
  return `tenant:${tenant}`;
}

/** Which answers a request may use: its tenant's, or those that all tenants share. */
export function scopeOf({ terms = OWN_TERMS, cache }: GenerationRequest): string {
  return cache?.isPublic === true ? PUBLIC_SCOPE : tenantScope(terms.tenant);
}

/**
 * What a request's answer is kept under: 43 characters, the SHA-256 of everything that the answer depends on. Its id, terms, signal, wishes,
 * observer and what of it was said are no part of it; whatever else a request has is, also what is added to it one day: parts are left out
 * by name, never put in.
 *
 * What the model reads is taken in the order in which it was given, since templates write it so: messages, tools, the properties and all
 * other keys of a tool's schema, and what is nested in a template's arguments. Where order means nothing it makes no difference.
 *
 * @param identity what `identityOf` says of the model
 */
export function keyOf(request: GenerationRequest, identity: string): string {
  const { id, model, terms, cache, observe, said, signal, prompt, tools, output, sampling, ...rest } = request;
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
    // Templates look them up by name.
    sortedEntries(templateArguments),
    entriesOf(rest),
  ];
}

/** Some templates write the ids of calls, so they count too. */
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
 * At temperature 0 nothing is drawn by chance, so what shapes chance means nothing. That there is a seed does: such a request is
 * evaluated so that it can be repeated bit for bit.
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

/** The fields that say something, by name: absent is as good as undefined, and as false. */
function entriesOf(record: object): unknown {
  return sortedEntries(record).filter(([, value]) => value !== undefined && value !== false);
}

function sortedEntries(record: object): [string, unknown][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
