import type { GenerationRequest, Message, Prompt } from "../generation/request.ts";

/**
 * What is known of a prompt without a tokenizer: it certainly fits into the context and renders, it certainly has at least `atLeast` tokens,
 * or only the engine can tell.
 */
export type Fit = { readonly type: "fits" | "unknown" } | { readonly type: "too long"; readonly atLeast: number };

/**
 * No token of a known vocabulary has more characters. The longest are runs of one character: 128 spaces in those of GPT-4, Llama 3 and Qwen, a
 * quarter of this.
 */
const MAX_TOKEN_CHARS = 512;

/** What a template may add: a system prompt if none was sent, and markers around each message. */
const TEMPLATE_BYTES = 1_024;
const MESSAGE_BYTES = 64;

const FITS: Fit = { type: "fits" };
const UNKNOWN: Fit = { type: "unknown" };

/**
 * Looks at each message once, and reads its text only if the length isn't enough to tell.
 *
 * @param contextTokens undefined if the model has not loaded yet
 */
export function fitOf(request: GenerationRequest, contextTokens: number | undefined): Fit {
  if (contextTokens === undefined) return UNKNOWN;
  const { prompt, tools, output } = request;
  const least = leastTokens(prompt);
  if (least >= contextTokens) return { type: "too long", atLeast: least };
  // Only the engine can tell whether the template accepts the tools and whether the format can be compiled.
  if (tools !== undefined || output !== undefined) return UNKNOWN;
  return mostTokens(prompt, contextTokens) < contextTokens ? FITS : UNKNOWN;
}

/** Doesn't count reasoning, since templates omit that of earlier turns, nor the whitespace around a message, which many templates trim. */
function leastTokens(prompt: Prompt): number {
  switch (prompt.type) {
    case "tokens":
      return prompt.tokens.length;
    case "text":
      return tokensOf(prompt.text.length);
    case "infill":
      // With files, the prompt is cut to fit.
      return prompt.files === undefined ? tokensOf(prompt.prefix.length + prompt.suffix.length) : 0;
    case "chat":
      return tokensOf(prompt.messages.reduce((sum, { content }) => sum + lengthOf(content), 0));
  }
}

/** Each token has at least one byte. Infinite if more than the length matters. */
function mostTokens(prompt: Prompt, contextTokens: number): number {
  switch (prompt.type) {
    case "text":
      return TEMPLATE_BYTES + bytesOf([prompt.text], contextTokens);
    case "chat":
      return prompt.templateArguments === undefined && isPlain(prompt.messages)
        ? TEMPLATE_BYTES +
            MESSAGE_BYTES * prompt.messages.length +
            bytesOf(
              prompt.messages.map(({ content }) => content),
              contextTokens,
            )
        : Number.POSITIVE_INFINITY;
    // The engine checks the token ids, and not every model supports infill.
    case "tokens":
    case "infill":
      return Number.POSITIVE_INFINITY;
  }
}

/** Whether every template accepts this conversation: an optional system message, then user and assistant alternating, a user last. */
function isPlain(messages: readonly Message[]): boolean {
  const spoken = messages[0]?.role === "system" ? messages.slice(1) : messages;
  return (
    spoken.length % 2 === 1 &&
    spoken.every(
      ({ role, toolCalls, reasoning }, index) =>
        role === (index % 2 === 0 ? "user" : "assistant") && toolCalls === undefined && reasoning === undefined,
    )
  );
}

function bytesOf(texts: readonly string[], enough: number): number {
  let bytes = 0;
  for (const text of texts) {
    bytes += text.length > enough ? text.length : Buffer.byteLength(text);
    if (bytes > enough) break;
  }
  return bytes;
}

function lengthOf(content: string): number {
  // Trimming a shorter text can't change the result.
  return content.length < MAX_TOKEN_CHARS ? content.length : content.trim().length;
}

function tokensOf(characters: number): number {
  return Math.floor(characters / MAX_TOKEN_CHARS);
}
