import type { CacheWish } from "./cache.ts";
import type { Observe } from "./news.ts";
import type { Terms } from "./terms.ts";
import type { Unprompted } from "./wish.ts";

/** Who said a message. OpenAI's `developer` arrives here as `system`: the open models' templates know no other. */
export type MessageRole = "system" | "user" | "assistant" | "tool";

export type Message = {
  readonly role: MessageRole;
  readonly content: string;
  /** The participant's name, for the templates that render one. */
  readonly name?: string;
  /** An assistant's: the calls that its turn made. */
  readonly toolCalls?: readonly ToolCall[];
  /** A tool's: which call it answers. */
  readonly toolCallId?: string;
  /** An assistant's: what it thought before it spoke, for the templates that render it. */
  readonly reasoning?: string;
};

export type ToolCall = {
  readonly id: string;
  readonly name: string;
  /** JSON text, as the model wrote it. */
  readonly arguments: string;
};

export type JsonSchema = Readonly<Record<string, unknown>> | boolean;

export const MAX_TOOL_NAME_LENGTH = 128;

/**
 * A tool's name. OpenAI's own pattern has letters, digits, `_` and `-` only; names of MCP tools have dots, slashes and colons too. Each
 * family of models writes these without taking them for the end of the name.
 */
export const TOOL_NAME = /^[\p{L}\p{N}_.:/@-]+$/u;

/** A function that the model may ask the client to call. */
export type Tool = {
  readonly name: string;
  readonly description?: string;
  /** A JSON schema of its arguments, an object's; absent where it takes none. */
  readonly parameters?: JsonSchema;
  /** Whether the client counts on arguments that fit the schema; otherwise any object will do where the schema can't be held to. */
  readonly strict?: boolean;
  /** A grammar in Lark's notation that the text of its only argument, `input`, keeps to. */
  readonly lark?: string;
};

/** Which tools may be called in this turn. */
export type ToolUse = {
  readonly tools: readonly Tool[];
  /** `required`: at least one call; `none`: the model sees the tools and may call none. */
  readonly choice: "none" | "auto" | "required";
  /** The names that may be called; undefined for all. */
  readonly allowed: readonly string[] | undefined;
  /** Whether several calls may be made in one turn. */
  readonly parallel: boolean;
};

/** What the model goes on from. */
export type Prompt =
  | {
      readonly type: "chat";
      readonly messages: readonly Message[];
      /** Goes on with the last message, an assistant's, instead of answering it. */
      readonly continueFinal?: boolean;
      /** Without what the template puts before an answer. */
      readonly withoutLead?: boolean;
      /** More variables for the model's template, such as `enable_thinking`. */
      readonly templateArguments?: Readonly<Record<string, unknown>>;
    }
  /** Raw text, without a template. Control tokens' spellings become control tokens. */
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tokens"; readonly tokens: readonly number[] }
  /** What belongs between the two, for models that were trained to fill in the middle. */
  | {
      readonly type: "infill";
      readonly prefix: string;
      readonly suffix: string;
      /**
       * What else is read before, the most important last. With it, also where it is empty, all of the prompt is cut to what fits: what is
       * nearest to the gap stays.
       */
      readonly files?: readonly PromptFile[];
    };

/** A piece of a file that helps to fill in another. */
export type PromptFile = { readonly name: string; readonly text: string };

/** All text that a prompt to fill in the middle has. */
export function textsOfInfill({
  prefix,
  suffix,
  files = [],
}: Extract<Prompt, { readonly type: "infill" }>): readonly string[] {
  return [...files.flatMap(({ name, text }) => [name, text]), prefix, suffix];
}

/** What the text must be. */
export type OutputFormat =
  /** Any JSON object. */
  | { readonly type: "json" }
  /** `strict`: the client counts on all of it; otherwise what can't be held to is left out. */
  | { readonly type: "schema"; readonly schema: JsonSchema; readonly strict?: boolean }
  | { readonly type: "regex"; readonly pattern: string }
  | { readonly type: "grammar"; readonly grammar: Grammar };

/** A grammar that the engine holds the output to. */
export type Grammar = {
  /** In llama.cpp's GBNF; the start rule is `root`. */
  readonly gbnf: string;
  /** Until one of these was written, anything may be; after it, what follows keeps to the grammar. Undefined is from the first token. */
  readonly triggers?: readonly string[];
};

/** How the next token is drawn. Every field is always set: `wish.ts` fills in defaults. */
export type Sampling = {
  /** 0 takes the most likely token; otherwise the logits are divided by it. */
  readonly temperature: number;
  /** Nucleus: the smallest set of tokens with this probability together. 1 is off. */
  readonly topP: number;
  /** Only the k most likely tokens. 0 is off. */
  readonly topK: number;
  /** Only tokens at least this likely, relative to the most likely. 0 is off. */
  readonly minP: number;
  /** llama.cpp's repetition penalty, over as many of the last tokens as `repeatLastTokens` says, prompt included. 1 is off. */
  readonly repeatPenalty: number;
  /** How far the repetition penalty looks back; −1 is to the beginning of the prompt. */
  readonly repeatLastTokens: number;
  /** OpenAI's: subtracted once from the logit of every token generated before. 0 is off. */
  readonly presencePenalty: number;
  /** OpenAI's: subtracted from the logit for each time the token was generated before. 0 is off. */
  readonly frequencyPenalty: number;
  /** Exclude top choices: with this probability all tokens are left out that are at least `xtcThreshold` likely, but the least likely of them. */
  readonly xtcProbability: number;
  readonly xtcThreshold: number;
  /** Added to a token's logit; −100 or less bans it. */
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
  /** The only tokens that may be drawn; undefined is all. */
  readonly allowedTokenIds: readonly number[] | undefined;
  /** Words that the answer doesn't have as words of their own. */
  readonly badWords: readonly string[];
  /** Nothing ends the answer before it has so many tokens. */
  readonly minTokens: number;
  /** The model can't end the answer; what else ends it does. */
  readonly ignoresEnd: boolean;
  /** A uint32. The same seed and the same request give the same text; undefined draws a fresh one. */
  readonly seed: number | undefined;
};

/**
 * What to generate, in no protocol's words. Everything from here to the engine sees only this.
 */
export type GenerationRequest = {
  /** The request's id, as in `x-request-id`: for logs and traces, never part of the answer's text. */
  readonly id: string;
  /** The model's id, after aliases were resolved. */
  readonly model: string;
  readonly prompt: Prompt;
  /** The tools that the model may call. Undefined means none, and the template gets no list of tools. */
  readonly tools?: ToolUse;
  /** Undefined is any text. */
  readonly output?: OutputFormat;
  /** For each token, its log-probability and those of so many of the most likely; undefined for none. */
  readonly logprobs?: number;
  /** The same of the prompt's tokens, from one pass over it; undefined for none. */
  readonly promptLogprobs?: number;
  /**
   * Whether the spellings of control tokens that the model writes are part of the text; that of its end token never is. For models that
   * mark calls or channels with such.
   */
  readonly showControlTokens?: boolean;
  /** How many independent answers (`n`), at least 1. */
  readonly choices: number;
  /** At most so many tokens for each choice, 0 to read the prompt only; undefined is until the context is full. */
  readonly maxTokens: number | undefined;
  /** The text ends before any of these. */
  readonly stop: readonly string[];
  /** The text ends before any of these tokens. */
  readonly stopTokenIds?: readonly number[];
  /** Whether what the text ended at is part of it. */
  readonly showsStop?: boolean;
  readonly sampling: Sampling;
  /**
   * What of all this was asked for, by the client or its preset: for a backend that has defaults of its own. The answer doesn't depend on
   * it. Undefined where nobody asked.
   */
  readonly said?: Unprompted;
  /** Undefined is `OWN_TERMS`. */
  readonly terms?: Terms;
  /** Undefined is what the cache does by itself. */
  readonly cache?: CacheWish;
  /** Receives news of the request apart from its events. */
  readonly observe?: Observe;
  /** Aborted when nobody wants the answer any more; everything that the request held is freed at once. */
  readonly signal: AbortSignal;
};
