import type { EmbeddingItem } from "../generation/embedding.ts";
import { type GenerationRequest, IMAGE_TOKENS, imagesOf, type Prompt, textsOfInfill } from "../generation/request.ts";

/** The length of a prompt, known without a tokenizer. */
export type PromptSize = { readonly type: "characters" | "tokens"; readonly count: number };

/** About how many characters a template adds to a message. */
const MESSAGE_CHARS = 16;

/** About as many characters of text as an image takes tokens. */
const IMAGE_CHARS = 4 * IMAGE_TOKENS;

/** The size of the prompt and tools of a request. Takes time in proportion to the number of messages; only schemas of tools are walked. */
export function sizeOfPrompt({ prompt, tools }: Pick<GenerationRequest, "prompt" | "tools">): PromptSize {
  if (prompt.type === "tokens") return { type: "tokens", count: prompt.tokens.length };
  const ofTools = tools?.tools.reduce(
    (sum, { name, description = "", parameters }) =>
      sum +
      MESSAGE_CHARS +
      name.length +
      description.length +
      (parameters === undefined ? 0 : JSON.stringify(parameters).length),
    0,
  );
  return { type: "characters", count: charactersOf(prompt) + (ofTools ?? 0) };
}

/** Two prompts of a conversation differ mostly at the end. */
const MARK_CHARS = 48;

/** Identifies a request when it is sent a second time. */
export function markOf({ prompt, maxTokens, sampling: { seed } }: GenerationRequest): string {
  return `${maxTokens} ${seed} ${prompt.type === "tokens" ? prompt.tokens.length : charactersOf(prompt)} ${endOf(prompt)}`;
}

function endOf(prompt: Prompt): string {
  if (prompt.type === "tokens") return prompt.tokens.slice(-MARK_CHARS / 4).join();
  if (prompt.type === "text") return prompt.text.slice(-MARK_CHARS);
  if (prompt.type === "infill") return prompt.prefix.slice(-MARK_CHARS);
  return prompt.messages.at(-1)?.content.slice(-MARK_CHARS) ?? "";
}

function charactersOf(prompt: Exclude<Prompt, { type: "tokens" }>): number {
  if (prompt.type === "text") return prompt.text.length;
  if (prompt.type === "infill") return textsOfInfill(prompt).reduce((sum, text) => sum + text.length, 0);
  let sum = 0;
  for (const message of prompt.messages) {
    const { content, reasoning, toolCalls } = message;
    sum += MESSAGE_CHARS + content.length + (reasoning?.length ?? 0) + imagesOf(message).length * IMAGE_CHARS;
    for (const { name, arguments: text } of toolCalls ?? []) sum += MESSAGE_CHARS + name.length + text.length;
  }
  return sum;
}

/** The size of the texts to embed or score. */
export function sizeOfItems(items: readonly EmbeddingItem[]): PromptSize {
  const [first] = items;
  const count = items.reduce((sum, item) => sum + lengthOf(item), 0);
  return { type: first?.type === "tokens" ? "tokens" : "characters", count };
}

/** Identifies a list of items when it is sent a second time. */
export function markOfItems(items: readonly EmbeddingItem[]): string {
  const last = items.at(-1);
  return `${items.length} ${sizeOfItems(items).count} ${last === undefined ? "" : endOfItem(last)}`;
}

function lengthOf(item: EmbeddingItem): number {
  if (item.type === "text") return item.text.length;
  return item.type === "tokens" ? item.tokens.length : item.query.length + item.document.length;
}

function endOfItem(item: EmbeddingItem): string {
  if (item.type === "tokens") return item.tokens.slice(-MARK_CHARS / 4).join();
  return (item.type === "text" ? item.text : item.document).slice(-MARK_CHARS);
}
