import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Message, Prompt, Tool } from "../../generation/request.ts";
import type { ChatTemplate, Tokenizer } from "../contract/native.ts";
import { countExcess, tokenizeLong } from "../llama/long-text.ts";
import { type ChatPrompt, chatVariables } from "./chat-variables.ts";
import { createDisguise } from "./control-text.ts";
import { easierForms } from "./conversation-forms.ts";
import { encodeInfill } from "./infill.ts";

/** The model can't continue this prompt. */
export class UnusablePromptError extends Error {
  /** The invalid field of the request. */
  readonly field: "prompt" | "suffix";

  constructor(field: "prompt" | "suffix", reason: string) {
    super(reason);
    this.field = field;
  }
}

/** The prompt's tokens, or a lower bound of their number if the prompt was too long to be tokenized to its end. */
type EncodedPrompt = { readonly tokens: readonly number[] } | { readonly tokensAtLeast: number };

type Piece = { readonly text: string; readonly parseSpecial: boolean } | { readonly token: number };

/**
 * Tokenizes a prompt.
 *
 * Of a prompt that is far too long, only the beginning is tokenized: that takes about 0.5 s per megabyte, which is too much for a prompt that
 * is refused anyway.
 *
 * @param contextTokens the context of a slot
 * @throws `UnusablePromptError`, or whatever the template raises
 */
export function encodePrompt(
  prompt: Prompt,
  tools: readonly Tool[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
  contextTokens: number,
): EncodedPrompt {
  if (prompt.type === "tokens" && prompt.tokens.length > 0) return { tokens: checkedTokens(prompt.tokens, tokenizer) };
  if (prompt.type === "infill" && prompt.files !== undefined && template.infill !== undefined) {
    const { files } = prompt;
    const tokenize = (text: string) => tokenizeLong(text, false, template.control, tokenizer);
    return { tokens: begun(encodeInfill({ ...prompt, files }, template.infill, tokenize, contextTokens), template) };
  }
  const pieces = piecesOf(prompt, tools, template);
  const text = pieces.map((piece) => ("token" in piece ? "" : piece.text)).join("");
  const countOf = (limit: number) => tokenizer.tokenize(text.slice(0, limit), false).length;
  const tokensAtLeast = countExcess(text.length, contextTokens, countOf);
  if (tokensAtLeast !== undefined) return { tokensAtLeast };
  const tokens = pieces.flatMap((piece) =>
    "token" in piece ? [piece.token] : tokenizeLong(piece.text, piece.parseSpecial, template.control, tokenizer),
  );
  const whole = begun(tokens, template);
  if (whole.length > 0) return { tokens: whole };
  if (template.emptyToken !== undefined) return { tokens: [template.emptyToken] };
  throw new UnusablePromptError(
    "prompt",
    "The prompt is empty, and this model has no token to begin with. Write something.",
  );
}

/** With the token that begins each text, where the vocabulary wants one. */
function begun(tokens: readonly number[], { beginToken }: ChatTemplate): readonly number[] {
  return beginToken === undefined || tokens[0] === beginToken ? tokens : [beginToken, ...tokens];
}

/**
 * Renders a conversation as text, with the spellings of control tokens.
 *
 * @throws whatever the template raises
 */
export function renderConversation(prompt: ChatPrompt, tools: readonly Tool[], template: ChatTemplate): string {
  return conversationPieces(prompt, tools, template)
    .map(({ text }) => text)
    .join("");
}

function checkedTokens(tokens: readonly number[], { vocabularySize }: Tokenizer): readonly number[] {
  const unknown = tokens.find((token) => token < 0 || token >= vocabularySize || !Number.isInteger(token));
  if (unknown === undefined) return tokens;
  throw new UnusablePromptError(
    "prompt",
    `The token id ${unknown} is not in this model's vocabulary, which has the ids 0 to ${vocabularySize - 1}.`,
  );
}

function piecesOf(prompt: Prompt, tools: readonly Tool[], template: ChatTemplate): readonly Piece[] {
  switch (prompt.type) {
    case "chat":
      return conversationPieces(prompt, tools, template);
    case "text":
      return prompt.text === "" ? [] : [{ text: prompt.text, parseSpecial: true }];
    case "tokens":
      return [];
    case "infill":
      return infillPieces(prompt, template);
  }
}

/**
 * Renders a conversation, in a simpler form if the template refuses it.
 *
 * @throws what the template raised for the original, if it refuses all simpler forms, too
 */
function conversationPieces(prompt: ChatPrompt, tools: readonly Tool[], template: ChatTemplate) {
  try {
    return renderPieces(prompt, tools, template);
  } catch (error) {
    let last: readonly Message[] = prompt.messages;
    for (const messages of easierForms(prompt.messages)) {
      if (isDeepStrictEqual(messages, last)) continue;
      last = messages;
      try {
        return renderPieces({ ...prompt, messages }, tools, template);
      } catch {
        // Try the next form.
      }
    }
    throw error;
  }
}

/**
 * Renders a conversation in pieces that are tokenized separately, so that only the template can produce control tokens, not messages, tools
 * or arguments. Usually none of those contains a suspicious text, and there is one piece.
 */
function renderPieces(prompt: ChatPrompt, tools: readonly Tool[], template: ChatTemplate) {
  const disguise = createDisguise(template.control);
  const cut = prompt.continueFinal === true ? `x${randomUUID().replaceAll("-", "")}cut` : undefined;
  const marked = cut === undefined ? prompt : withFinalMark(prompt, cut);
  const rendered = template.render(disguise.hideAll(chatVariables(marked, tools)));
  const open = cut === undefined ? rendered : rendered.slice(0, placeOf(cut, rendered));
  return disguise.reveal(open).map(({ text, suspicious }) => ({ text, parseSpecial: !suspicious }));
}

/** Marks the end of the last message's content, to cut off what the template writes after it. */
function withFinalMark(prompt: ChatPrompt, mark: string): ChatPrompt {
  const last = prompt.messages.at(-1);
  if (last?.role !== "assistant") throw new Error("Only an assistant's message can be continued.");
  return { ...prompt, messages: [...prompt.messages.slice(0, -1), { ...last, content: last.content + mark }] };
}

function placeOf(mark: string, rendered: string): number {
  const place = rendered.lastIndexOf(mark);
  if (place < 0) throw new Error("It omits the last message, so the message can't be continued.");
  return place;
}

function infillPieces({ prefix, suffix }: Extract<Prompt, { type: "infill" }>, { infill }: ChatTemplate): Piece[] {
  if (infill === undefined) {
    throw new UnusablePromptError(
      "suffix",
      "This model has no tokens to fill in the middle with. Leave the suffix out, or use a model that was trained for it.",
    );
  }
  return [
    { token: infill.prefix },
    { text: prefix, parseSpecial: false },
    { token: infill.suffix },
    { text: suffix, parseSpecial: false },
    { token: infill.middle },
  ];
}
