import type { Piece } from "../../generation/model.ts";
import type { QueryResult, TextQuery } from "../contract/messages.ts";
import type { ChatTemplate, Tokenizer } from "../contract/native.ts";
import { tokenizeLong } from "../llama/long-text.ts";
import { encodePrompt, renderConversation } from "./prompt.ts";
import { type PromptReader, promptRejection } from "./prompt-reader.ts";

/** What queries about text need. */
export type QueryContext = {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly readPrompt: PromptReader;
  /** How many of a prompt's first tokens are in the KV cache. */
  readonly heldTokens: (prompt: readonly number[]) => number;
};

/** Runs a query about text. Never throws: a failure is a result of type `rejected`. */
export function runQuery(query: TextQuery, { tokenizer, template, readPrompt, heldTokens }: QueryContext): QueryResult {
  try {
    switch (query.type) {
      case "tokenize":
        return { type: "tokens", tokens: Uint32Array.from(tokenize(query, tokenizer, template)) };
      case "detokenize":
        return (
          refuseUnknown(query.tokens, tokenizer) ?? { type: "text", text: tokenizer.detokenize(query.tokens, true) }
        );
      case "spell":
        return (
          refuseUnknown(query.tokens, tokenizer) ?? {
            type: "pieces",
            pieces: query.tokens.map((token) => pieceOf(tokenizer.bytes(token))),
          }
        );
      case "applyTemplate":
        return { type: "text", text: renderConversation(query.prompt, query.tools, template) };
      case "countTokens": {
        const whole = encodePrompt(query.prompt, query.tools, template, tokenizer, Number.POSITIVE_INFINITY);
        return { type: "count", count: "tokens" in whole ? whole.tokens.length : whole.tokensAtLeast };
      }
      case "read": {
        const read = readPrompt(query.prompt, query.tools);
        if ("rejection" in read) return { type: "rejected", rejection: read.rejection };
        const stop = query.prompt.type === "chat" ? template.stop : [];
        return { type: "prompt", tokens: Uint32Array.from(read.tokens), stop };
      }
      case "price": {
        const read = readPrompt(query.prompt, query.tools);
        if ("rejection" in read) return { type: "rejected", rejection: read.rejection };
        return { type: "price", promptTokens: read.tokens.length, cachedTokens: heldTokens(read.tokens) };
      }
    }
  } catch (error) {
    return { type: "rejected", rejection: promptRejection(error) };
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function pieceOf(bytes: readonly number[]): Piece {
  try {
    return utf8.decode(Uint8Array.from(bytes));
  } catch {
    return bytes;
  }
}

function tokenize(
  { text, addSpecial, parseSpecial }: Extract<TextQuery, { type: "tokenize" }>,
  tokenizer: Tokenizer,
  { beginToken, control }: ChatTemplate,
): readonly number[] {
  const tokens = tokenizeLong(text, parseSpecial, control, tokenizer);
  return addSpecial && beginToken !== undefined && tokens[0] !== beginToken ? [beginToken, ...tokens] : tokens;
}

function refuseUnknown(tokens: readonly number[], { vocabularySize }: Tokenizer): QueryResult | undefined {
  const unknown = tokens.find((token) => token < 0 || token >= vocabularySize || !Number.isInteger(token));
  if (unknown === undefined) return undefined;
  const reason = `The token id ${unknown} is not in this model's vocabulary, which has the ids 0 to ${vocabularySize - 1}.`;
  return { type: "rejected", rejection: { code: "invalid_sampling", field: "tokens", reason } };
}
