import type { EmbeddingItem } from "../generation/embedding.ts";
import type { Message, Prompt } from "../generation/request.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { assertAddresses } from "./addresses.ts";
import { type ServiceTier, serviceTier } from "./service-tier.ts";

/** What Sluice must know of a request that an upstream gets as it came. */
export type Peeked = {
  readonly stream: boolean;
  /** Whether the client asked for a last chunk with the usage. */
  readonly includeUsage: boolean;
  readonly serviceTier: ServiceTier | undefined;
  readonly choices: number;
  readonly maxTokens: number | undefined;
  /** The texts of the prompt, for its size and for telling conversations apart. */
  readonly prompt: Prompt;
};

type Body = Readonly<Record<string, unknown>>;

/** More choices are left to the decoder to refuse. */
const MAX_CHOICES = 128;

/**
 * Undefined for a chat completion that must be decoded: one that is stored here, or that is wrong in what Sluice must know. Throws an
 * `InvalidRequestError` for an address that no server is to open.
 */
export function peekChat(body: Body): Peeked | undefined {
  const { messages, store, max_completion_tokens: newer, max_tokens: older } = body;
  if (store === true || !Array.isArray(messages) || messages.length === 0) return undefined;
  assertAddresses(messages, "messages");
  return peek(body, newer ?? older, { type: "chat", messages: messages.map(toMessage) });
}

/** The same for a completion. A batch of prompts counts as one long one. */
export function peekCompletion(body: Body): Peeked | undefined {
  const { prompt } = body;
  const prompts: readonly unknown[] = Array.isArray(prompt) && typeof prompt[0] !== "number" ? prompt : [prompt];
  if (prompts.length > MAX_CHOICES || !prompts.every(isPrompt)) return undefined;
  const text = prompts.map((each) => (typeof each === "string" ? each : each.join(" "))).join("\n");
  const peeked = peek(body, body.max_tokens, { type: "text", text });
  return peeked && { ...peeked, choices: peeked.choices * prompts.length };
}

/** The same for Anthropic's messages. */
export function peekMessages(body: Body): Peeked | undefined {
  const { messages, system } = body;
  if (!Array.isArray(messages) || messages.length === 0) return undefined;
  assertAddresses(messages, "messages");
  const first: readonly Message[] = system == null ? [] : [{ role: "system", content: textOf(system) }];
  const prompt: Prompt = { type: "chat", messages: [...first, ...messages.map(toMessage)] };
  return peek({ ...body, n: undefined }, body.max_tokens, prompt);
}

/** The texts of a request for embeddings, for their size; undefined if there are none. */
export function peekEmbeddings({ input }: Body): readonly EmbeddingItem[] | undefined {
  if (input === undefined || input === null || input === "") return undefined;
  const inputs: readonly unknown[] = Array.isArray(input) && typeof input[0] !== "number" ? input : [input];
  if (inputs.length === 0) return undefined;
  assertAddresses(inputs, "input");
  // Some servers take images and other parts.
  return inputs.map((each) => ({ type: "text", text: typeof each === "string" ? each : JSON.stringify(each) }));
}

function peek(body: Body, length: unknown, prompt: Prompt): Peeked | undefined {
  const { stream = false, stream_options: options, n = 1, service_tier: tier } = body;
  const [maxTokens, choices] = [length ?? undefined, n ?? 1];
  if (stream !== null && typeof stream !== "boolean") return undefined;
  if (maxTokens !== undefined && !isCount(maxTokens, Number.MAX_SAFE_INTEGER)) return undefined;
  if (!isCount(choices, MAX_CHOICES)) return undefined;
  return {
    stream: stream === true,
    includeUsage: isJsonObject(options) && options.include_usage === true,
    // Other servers have tiers of their own.
    serviceTier: serviceTier.safeParse(tier).data,
    ...{ choices, maxTokens, prompt },
  };
}

function isCount(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most;
}

function isPrompt(prompt: unknown): prompt is string | readonly number[] {
  return typeof prompt === "string" || (Array.isArray(prompt) && prompt.every(Number.isInteger));
}

function toMessage(message: unknown): Message {
  const { role, content } = isJsonObject(message) ? message : {};
  return {
    role:
      role === "assistant" || role === "tool" ? role : role === "system" || role === "developer" ? "system" : "user",
    content: textOf(content),
  };
}

/** The texts of a message, also of the results of tools in it. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => {
      const { text, content: inner } = isJsonObject(part) ? part : {};
      return typeof text === "string" ? text : textOf(inner);
    })
    .join("\n");
}
