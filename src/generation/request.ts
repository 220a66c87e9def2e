import type { CacheWish, Repeat } from "./cache.ts";
import type { Thresholds } from "./confidence.ts";
import type { Journal } from "./journal.ts";
import type { Observe } from "./news.ts";
import type { Terms } from "./terms.ts";
import type { Verbatim } from "./verbatim.ts";
import type { Unprompted } from "./wish.ts";

/** A message's author. OpenAI's `developer` becomes `system`, which all templates know. */
export type MessageRole = "system" | "user" | "assistant" | "tool";

export type Message = {
  readonly role: MessageRole;
  /** Its texts. A note stands for each image. */
  readonly content: string;
  /** The same with the images, for models that read them. Absent if there are none. */
  readonly parts?: readonly MessagePart[];
  /** The participant's name, for templates that render it. */
  readonly name?: string;
  /** An assistant's calls. */
  readonly toolCalls?: readonly ToolCall[];
  /** For a tool: the call that it answers. */
  readonly toolCallId?: string;
  /** An assistant's reasoning before its answer, for templates that render it. */
  readonly reasoning?: string;
};

export type MessagePart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly image: Image };

export type Image = {
  /** Where it is, or itself: an `https`, `http` or `data` URL, the last in base64. */
  readonly url: string;
  /** How closely the model looks, in OpenAI's words. */
  readonly detail?: string;
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
 * A tool's name. OpenAI allows only letters, digits, `_` and `-`; names of MCP tools have dots, slashes and colons, too. No family of models
 * takes these for the end of the name.
 */
export const TOOL_NAME = /^[\p{L}\p{N}_.:/@-]+$/u;

/** A function that the model may ask the client to call. */
export type Tool = {
  readonly name: string;
  readonly description?: string;
  /** The JSON schema of its arguments, an object; absent if it has none. */
  readonly parameters?: JsonSchema;
  /** Whether the schema must be enforced; otherwise any object is accepted if that isn't possible. */
  readonly strict?: boolean;
  /** A grammar in Lark's notation for the text of its only argument, `input`. */
  readonly lark?: string;
};

/** The tools that may be called in this turn. */
export type ToolUse = {
  readonly tools: readonly Tool[];
  /** `required`: at least one call; `none`: the model sees the tools, but can't call them. */
  readonly choice: "none" | "auto" | "required";
  /** The names that may be called; undefined for all. */
  readonly allowed: readonly string[] | undefined;
  /** Whether several calls may be made in one turn. */
  readonly parallel: boolean;
};

/** The model's input. */
export type Prompt =
  | {
      readonly type: "chat";
      readonly messages: readonly Message[];
      /** Continues the last message, an assistant's, instead of answering it. */
      readonly continueFinal?: boolean;
      /** Omits the text that the template puts before an answer. */
      readonly withoutLead?: boolean;
      /** More variables for the model's template, such as `enable_thinking`. */
      readonly templateArguments?: Readonly<Record<string, unknown>>;
    }
  /** Raw text, without a template. Control tokens' spellings become control tokens. */
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tokens"; readonly tokens: readonly number[] }
  /** The text between the two is generated, by models that were trained to fill in the middle. */
  | {
      readonly type: "infill";
      readonly prefix: string;
      readonly suffix: string;
      /**
       * Further context, the most important last. If present, even if empty, the whole prompt is cut to fit: the text nearest to the gap
       * stays.
       */
      readonly files?: readonly PromptFile[];
    };

/** About how many tokens an image takes: 765 and up at OpenAI, 1,600 and less at Anthropic, by its size. */
export const IMAGE_TOKENS = 1_000;

/** The images of a message. */
export function imagesOf({ parts = [] }: Message): readonly Image[] {
  return parts.flatMap((part) => (part.type === "image" ? [part.image] : []));
}

/** A piece of a file that helps to fill in another. */
export type PromptFile = { readonly name: string; readonly text: string };

/** Returns all texts of a prompt to fill in the middle. */
export function textsOfInfill({
  prefix,
  suffix,
  files = [],
}: Extract<Prompt, { readonly type: "infill" }>): readonly string[] {
  return [...files.flatMap(({ name, text }) => [name, text]), prefix, suffix];
}

/** The required format of the text. */
export type OutputFormat =
  /** Any JSON object. */
  | { readonly type: "json" }
  /** `strict`: the whole schema must be enforced; otherwise unsupported keywords are dropped. */
  | { readonly type: "schema"; readonly schema: JsonSchema; readonly strict?: boolean }
  | { readonly type: "regex"; readonly pattern: string }
  | { readonly type: "grammar"; readonly grammar: Grammar };

/** A grammar that the engine enforces. */
export type Grammar = {
  /** In llama.cpp's GBNF; the start rule is `root`. */
  readonly gbnf: string;
  /** The grammar applies to the text after the first of these. Undefined means from the first token. */
  readonly triggers?: readonly string[];
};

/** How tokens are sampled. Every field is always set: `wish.ts` fills in defaults. */
export type Sampling = {
  /** 0 selects the most likely token; otherwise the logits are divided by it. */
  readonly temperature: number;
  /** Nucleus: the smallest set of tokens with this probability together. 1 is off. */
  readonly topP: number;
  /** Only the k most likely tokens. 0 is off. */
  readonly topK: number;
  /** Only tokens at least this likely, relative to the most likely. 0 is off. */
  readonly minP: number;
  /** llama.cpp's repetition penalty, over as many of the last tokens as `repeatLastTokens` says, prompt included. 1 is off. */
  readonly repeatPenalty: number;
  /** How far the repetition penalty looks back; −1 means to the beginning of the prompt. */
  readonly repeatLastTokens: number;
  /** OpenAI's: subtracted once from the logit of every token generated before. 0 is off. */
  readonly presencePenalty: number;
  /** OpenAI's: subtracted from the logit for each time the token was generated before. 0 is off. */
  readonly frequencyPenalty: number;
  /** Exclude top choices: the probability of removing all tokens that are at least `xtcThreshold` likely, except the least likely of them. */
  readonly xtcProbability: number;
  readonly xtcThreshold: number;
  /** Added to a token's logit; −100 or less bans it. */
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
  /** The only tokens that may be sampled; undefined means all. */
  readonly allowedTokenIds: readonly number[] | undefined;
  /** Words that the answer must not contain as whole words. */
  readonly badWords: readonly string[];
  /** The minimum length of the answer. */
  readonly minTokens: number;
  /** The model can't end the answer, but stop strings and limits can. */
  readonly ignoresEnd: boolean;
  /** A uint32. The same seed and the same request give the same text; undefined draws a fresh one. */
  readonly seed: number | undefined;
};

/**
 * What to generate, independent of protocols. Everything from here to the engine uses only this.
 */
export type GenerationRequest = {
  /** The request's id, as in `x-request-id`: for logs and traces, never part of the answer's text. */
  readonly id: string;
  /** The model's id, after aliases were resolved. */
  readonly model: string;
  readonly prompt: Prompt;
  /** The tools that the model may call. Undefined means none, and the template gets no list of tools. */
  readonly tools?: ToolUse;
  /** Undefined means any text. */
  readonly output?: OutputFormat;
  /** The number of alternatives for each token's log-probability; undefined for no log-probabilities. */
  readonly logprobs?: number;
  /** The same for the prompt's tokens, from one pass over it. */
  readonly promptLogprobs?: number;
  /**
   * Whether the text contains the spellings of control tokens, except the end token's. For models that mark calls or channels with control
   * tokens.
   */
  readonly showControlTokens?: boolean;
  /** The number of independent answers (`n`), at least 1. */
  readonly choices: number;
  /** The maximum tokens of each choice; 0 only evaluates the prompt; undefined means until the context is full. */
  readonly maxTokens: number | undefined;
  /** The text ends before any of these. */
  readonly stop: readonly string[];
  /** The text ends before any of these tokens. */
  readonly stopTokenIds?: readonly number[];
  /** Whether the text includes the stop string or token. */
  readonly showsStop?: boolean;
  readonly sampling: Sampling;
  /**
   * The fields that the client or its preset set, for a backend with its own defaults. They don't change the answer. Undefined if there are
   * none.
   */
  readonly said?: Unprompted;
  /**
   * The request as its client wrote it, if its model passes that on. The other fields then only tell its size: what an upstream answers in
   * another form is read and written as usual.
   */
  readonly verbatim?: Verbatim;
  /** Undefined means `OWN_TERMS`. */
  readonly terms?: Terms;
  /** Of a preset, in the place of its route's: how sure a small model must be of its answer. Undefined means the route's. */
  readonly cascade?: Thresholds;
  /** Undefined means the cache's defaults. */
  readonly cache?: CacheWish;
  /** Set if the answer is at hand, in the form in which it was sent before. */
  readonly repeat?: Repeat;
  /** Set if another process must be able to go on with it. */
  readonly journal?: Journal;
  /** Receives news of the request apart from its events. */
  readonly observe?: Observe;
  /** Aborted when nobody wants the answer any more; all resources of the request are then freed at once. */
  readonly signal: AbortSignal;
};
