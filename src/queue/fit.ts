import type { GenerationRequest, Message, Prompt } from "../generation/request.ts";

/**
 * What can be said of a prompt without a tokenizer: it surely fits into the context and is rendered, it surely has more than `atLeast` tokens,
 * or the engine must be asked.
 */
export type Fit = { readonly type: "fits" | "unknown" } | { readonly type: "too long"; readonly atLeast: number };

/**
 * No token of a vocabulary that is known stands for more. The longest are runs of one character: 128 spaces in those of GPT-4, Llama 3 and
 * Qwen, four times less than this.
 */
const MAX_TOKEN_CHARS = 512;

/** What a template may write of its own: a system prompt where none was sent, and marks around each message. */
const TEMPLATE_BYTES = 1_024;
const MESSAGE_BYTES = 64;

const FITS: Fit = { type: "fits" };
const UNKNOWN: Fit = { type: "unknown" };

/**
 * Takes no longer than looking at each message once: texts are not read where their lengths are enough.
 *
 * @param contextTokens undefined where the model has not loaded yet
 */
export function fitOf(request: GenerationRequest, contextTokens: number | undefined): Fit {
  if (contextTokens === undefined) return UNKNOWN;
  const { prompt, tools, output } = request;
  const least = leastTokens(prompt);
  if (least >= contextTokens) return { type: "too long", atLeast: least };
  // Whether the template takes the tools and a grammar can be made of the format, only they can say.
  if (tools !== undefined || output !== undefined) return UNKNOWN;
  return mostTokens(prompt, contextTokens) < contextTokens ? FITS : UNKNOWN;
}

/** Reasoning isn't counted: templates leave out that of earlier turns. Nor are spaces around a message, which many of them trim. */
function leastTokens(prompt: Prompt): number {
  switch (prompt.type) {
    case "tokens":
      return prompt.tokens.length;
    case "text":
      return tokensOf(prompt.text.length);
    case "infill":
      // Cut to what fits, where it has files.
      return prompt.files === undefined ? tokensOf(prompt.prefix.length + prompt.suffix.length) : 0;
    case "chat":
      return tokensOf(prompt.messages.reduce((sum, { content }) => sum + lengthOf(content), 0));
  }
}

/** Each token has a byte at least. Infinite where more than lengths matters. */
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
    // The engine looks at ids, and not every model can fill in the middle.
    case "tokens":
    case "infill":
      return Number.POSITIVE_INFINITY;
  }
}

/** A conversation that every template takes: perhaps a system message, then users and assistants in turns, a user last. */
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
  // Trimming a short text would change nothing that matters here.
  return content.length < MAX_TOKEN_CHARS ? content.length : content.trim().length;
}

function tokensOf(characters: number): number {
  return Math.floor(characters / MAX_TOKEN_CHARS);
}
