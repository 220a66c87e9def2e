import { createWriter, type Lexicon, seedOf } from "../../load/text.ts";

/** What is asked again and again: the bodies of requests, the same for everybody. */
export type Prompts = {
  /** One of 60 tokens, with an answer of 100. */
  readonly whole: Buffer;
  /** The same, streamed. */
  readonly streamed: Buffer;
  /** Different ones, with answers of 16 tokens. */
  readonly mixed: readonly Buffer[];
};

const TOKENS = { system: 20, user: 40 };
const ANSWER_TOKENS = 100;
const MIXED_TOKENS = { system: 8, user: 12 };
const MIXED_ANSWER_TOKENS = 16;

export type PromptOptions = {
  readonly model: string;
  readonly lexicon: Lexicon;
  /** Banned, so that every answer has its full length. */
  readonly endTokens: readonly number[];
  readonly seed: number;
  readonly mixedCount: number;
};

/** The bodies for one run; another seed gives others. */
export function writePrompts({ model, lexicon, endTokens, seed, mixedCount }: PromptOptions): Prompts {
  const writer = createWriter(lexicon, seedOf(`${seed}/cache`));
  const body = (tokens: typeof TOKENS, answerTokens: number) => ({
    model,
    messages: [
      { role: "system", content: writer.passage(tokens.system) },
      { role: "user", content: writer.passage(tokens.user) },
    ],
    max_tokens: answerTokens,
    temperature: 0,
    logit_bias: Object.fromEntries(endTokens.map((token) => [token, -100])),
  });
  const one = body(TOKENS, ANSWER_TOKENS);
  const bytes = (value: object) => Buffer.from(JSON.stringify(value));
  return {
    whole: bytes(one),
    streamed: bytes({ ...one, stream: true, stream_options: { include_usage: true } }),
    mixed: Array.from({ length: mixedCount }, () => bytes(body(MIXED_TOKENS, MIXED_ANSWER_TOKENS))),
  };
}
