import { isDeepStrictEqual } from "node:util";
import { UnsupportedFieldError } from "../generation/errors.ts";
import type { GenerationRequest, Sampling, Tool, ToolUse } from "../generation/request.ts";
import { PLAIN_SAMPLING } from "../generation/sampling.ts";
import type { Wish } from "../generation/wish.ts";

/** The fields of a request's sampling that the client or its preset named; of an inner request, those that change anything. */
function saidSampling({ said, sampling }: GenerationRequest): Partial<Sampling> {
  if (said !== undefined) return said.sampling;
  return Object.fromEntries(Object.entries(sampling).filter(([name, value]) => !isPlain(name, value)));
}

function isPlain(name: string, value: unknown): boolean {
  return isDeepStrictEqual(value, Reflect.get(PLAIN_SAMPLING, name));
}

/** The names of `Sampling`'s fields on the wire, for messages. */
function wireName(name: string): string {
  const words: Readonly<Record<string, string>> = { repeatLastTokens: "repeat_last_n", ignoresEnd: "ignore_eos" };
  return words[name] ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * What was said about sampling, in an upstream's words. Throws `UnsupportedFieldError` for what it can't do. A value that changes nothing is left
 * out where it has no word.
 */
export function writeSampling(
  request: GenerationRequest,
  words: Readonly<Partial<Record<keyof Sampling, string>>>,
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(saidSampling(request))) {
    if (value === undefined) continue;
    const word: unknown = Reflect.get(words, name);
    if (typeof word === "string")
      body[word] = name === "logitBias" ? Object.fromEntries(request.sampling.logitBias) : value;
    else if (!isPlain(name, value)) throw new UnsupportedFieldError(request.model, wireName(name));
  }
  return body;
}

/** The tools that may be called, and how. Undefined where none are known. */
export function offered({ tools }: GenerationRequest): Offer | undefined {
  if (tools === undefined || tools.tools.length === 0) return undefined;
  return { tools: allowedOf(tools), choice: tools.choice, only: onlyOf(tools), parallel: tools.parallel };
}

export type Offer = {
  readonly tools: readonly Tool[];
  readonly choice: ToolUse["choice"];
  /** The one that must be called. */
  readonly only: string | undefined;
  readonly parallel: boolean;
};

/** An upstream has no word for a subset, so it is told of that alone. */
function allowedOf({ tools, allowed }: ToolUse): readonly Tool[] {
  return allowed === undefined ? tools : tools.filter(({ name }) => allowed.includes(name));
}

function onlyOf({ choice, allowed }: ToolUse): string | undefined {
  return choice === "required" && allowed?.length === 1 ? allowed[0] : undefined;
}

/** The schema of a tool's arguments; of one without, an empty object's. */
export function parametersOf({ parameters }: Tool): object {
  return typeof parameters === "object" ? parameters : { type: "object", properties: {} };
}

/** What the client called the schema of its answer. */
export function outputName({ said }: GenerationRequest): NonNullable<Wish["outputName"]> {
  return said?.outputName ?? { name: "answer" };
}

/** Throws `UnsupportedFieldError` for a request with any of these fields. */
export function refuse(request: GenerationRequest, fields: readonly RefusedField[]): void {
  const wire: Readonly<Record<RefusedField, readonly [isAsked: boolean, name: string]>> = {
    promptLogprobs: [request.promptLogprobs !== undefined, "prompt_logprobs"],
    stopTokenIds: [(request.stopTokenIds ?? []).length > 0, "stop_token_ids"],
    showsStop: [request.showsStop === true, "include_stop_str_in_output"],
    showControlTokens: [request.showControlTokens === true, "skip_special_tokens"],
    continueFinal: [request.prompt.type === "chat" && request.prompt.continueFinal === true, "continue_final_message"],
    withoutLead: [request.prompt.type === "chat" && request.prompt.withoutLead === true, "add_generation_prompt"],
    prompt: [request.prompt.type !== "chat", "prompt"],
    tokens: [request.prompt.type === "tokens", "prompt"],
    infill: [request.prompt.type === "infill", "suffix"],
  };
  for (const field of fields) {
    const [isAsked, name] = wire[field];
    if (isAsked) throw new UnsupportedFieldError(request.model, name);
  }
}

export type RefusedField =
  | "promptLogprobs"
  | "stopTokenIds"
  | "showsStop"
  | "showControlTokens"
  | "continueFinal"
  | "withoutLead"
  | "prompt"
  | "tokens"
  | "infill";
