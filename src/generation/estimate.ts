import type { EmbeddingItem } from "./embedding.ts";
import {
  type GenerationRequest,
  IMAGE_TOKENS,
  imagesOf,
  type Message,
  type Prompt,
  type ToolUse,
  textsOfInfill,
} from "./request.ts";

/** For English text in most vocabularies. A character beyond ASCII has two to four bytes, and needs more tokens. */
const BYTES_PER_TOKEN = 4;
/** What a chat template adds to a message. */
const TOKENS_PER_MESSAGE = 4;
/** The estimate for an answer without a limit. */
const OPEN_ANSWER_TOKENS = 256;

/** Estimates how many tokens a request will use, prompt and answers, before anything is tokenized. */
export function estimateTokens({ prompt, tools, maxTokens, choices }: GenerationRequest): number {
  return estimatePrompt({ prompt, tools }) + estimateAnswers({ maxTokens, choices });
}

/** The same for its answers alone. */
export function estimateAnswers({ maxTokens, choices }: Pick<GenerationRequest, "maxTokens" | "choices">): number {
  return (maxTokens ?? OPEN_ANSWER_TOKENS) * choices;
}

/** The same for its prompt alone. */
export function estimatePrompt({ prompt, tools }: { readonly prompt: Prompt; readonly tools?: ToolUse | undefined }) {
  return promptTokens(prompt) + (tools === undefined ? 0 : tokensOf(JSON.stringify(tools.tools)));
}

/** The same for a text. */
export function estimateText(text: string): number {
  return tokensOf(text);
}

/** The same for items to embed or score. */
export function estimateItems(items: readonly EmbeddingItem[]): number {
  return items.reduce((sum, item) => sum + itemTokens(item), 0);
}

function promptTokens(prompt: Prompt): number {
  switch (prompt.type) {
    case "chat":
      return prompt.messages.reduce((sum, message) => sum + messageTokens(message), 0);
    case "text":
      return tokensOf(prompt.text);
    case "tokens":
      return prompt.tokens.length;
    case "infill":
      return textsOfInfill(prompt).reduce((sum, text) => sum + tokensOf(text), 0);
  }
}

function messageTokens(message: Message): number {
  const { content, reasoning = "", toolCalls = [] } = message;
  const calls = toolCalls.reduce((sum, call) => sum + tokensOf(call.name) + tokensOf(call.arguments), 0);
  const ofImages = imagesOf(message).length * IMAGE_TOKENS;
  return TOKENS_PER_MESSAGE + tokensOf(content) + tokensOf(reasoning) + calls + ofImages;
}

function itemTokens(item: EmbeddingItem): number {
  switch (item.type) {
    case "text":
      return tokensOf(item.text);
    case "tokens":
      return item.tokens.length;
    case "pair":
      return tokensOf(item.query) + tokensOf(item.document);
  }
}

function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}
