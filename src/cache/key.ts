import { hash } from "node:crypto";
import type { GenerationRequest, Message, OutputFormat, Prompt, Sampling, ToolUse } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { canonicalSchema } from "./schema.ts";
import { PUBLIC_SCOPE, tenantScope } from "./scope.ts";

/** To be raised with every change of what a key is made of, or of what an answer is kept as. */
export const KEY_VERSION = 2;

/** Whose answers a request may have: those of its tenant, or those that are everybody's. */
export function scopeOf({ terms = OWN_TERMS, cache }: GenerationRequest): string {
  return cache?.isPublic === true ? PUBLIC_SCOPE : tenantScope(terms.tenant);
}

/**
 * What a request's answer is kept under: 43 characters, the SHA-256 of everything that the answer depends on. Its id, terms, signal and
 * wishes are no part of it.
 *
 * What the model reads is taken in the order in which it was given, since templates write it so: messages, tools, the properties and all
 * other keys of a tool's schema, and what is nested in a template's arguments. Where order means nothing it makes no difference.
 *
 * @param identity what `identityOf` says of the model
 */
export function keyOf(request: GenerationRequest, identity: string): string {
  const { prompt, tools, output, logprobs, showControlTokens, choices, maxTokens, stop, sampling } = request;
  const parts = [
    KEY_VERSION,
    scopeOf(request),
    identity,
    canonicalPrompt(prompt),
    tools === undefined ? null : canonicalTools(tools),
    output === undefined ? null : canonicalOutput(output),
    logprobs ?? null,
    showControlTokens ?? false,
    choices,
    maxTokens ?? null,
    stop,
    canonicalSampling(sampling),
  ];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

function canonicalPrompt(prompt: Prompt): unknown {
  switch (prompt.type) {
    case "chat":
      return [
        "chat",
        prompt.messages.map(canonicalMessage),
        prompt.continueFinal ?? false,
        // Templates look them up by name.
        sortedEntries(prompt.templateArguments ?? {}),
      ];
    case "text":
      return ["text", prompt.text];
    case "tokens":
      return ["tokens", prompt.tokens];
    case "infill":
      return ["infill", prompt.prefix, prompt.suffix];
  }
}

/** Some templates write the ids of calls, so they count too. */
function canonicalMessage({ role, content, name, toolCalls, toolCallId, reasoning }: Message): unknown {
  return [
    role,
    content,
    name ?? null,
    toolCalls?.map((call) => [call.id, call.name, call.arguments]) ?? null,
    toolCallId ?? null,
    reasoning ?? null,
  ];
}

function canonicalTools({ tools, choice, allowed, parallel }: ToolUse): unknown {
  return [
    tools.map(({ name, description, parameters, strict }) => [
      name,
      description ?? null,
      parameters ?? null,
      strict ?? false,
    ]),
    choice,
    allowed ?? null,
    parallel,
  ];
}

function canonicalOutput(output: OutputFormat): unknown {
  switch (output.type) {
    case "json":
      return ["json"];
    case "schema":
      return ["schema", canonicalSchema(output.schema)];
    case "regex":
      return ["regex", output.pattern];
    case "grammar":
      return ["grammar", output.grammar.gbnf, output.grammar.triggers ?? null];
  }
}

/**
 * At temperature 0 nothing is drawn by chance, so what shapes chance means nothing. That there is a seed does: such a request is
 * evaluated so that it can be repeated bit for bit.
 */
function canonicalSampling(sampling: Sampling): unknown {
  const { temperature, topP, topK, minP, repeatPenalty, presencePenalty, frequencyPenalty, logitBias, seed } = sampling;
  const isGreedy = temperature === 0;
  return [
    temperature,
    isGreedy ? null : [topP, topK, minP],
    isGreedy ? seed !== undefined : (seed ?? null),
    repeatPenalty,
    presencePenalty,
    frequencyPenalty,
    logitBias.toSorted(([a], [b]) => a - b),
  ];
}

function sortedEntries(record: Readonly<Record<string, unknown>>): unknown {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
