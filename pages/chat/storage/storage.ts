import type { Conversation, Message, Token } from "../conversation/message.ts";

/** Some of the tokens of an answer, from the one with the number `from` on. */
export type StoredTokens = {
  readonly message: string;
  readonly from: number;
  readonly conversation: string;
  readonly tokens: readonly Token[];
};

/** A conversation with all that is its own. */
export type Whole = {
  readonly conversation: Conversation;
  readonly messages: readonly Message[];
  readonly tokens: readonly StoredTokens[];
};

/** The conversations of this browser. Every method rejects with the browser's error if there is no room, or no right to store. */
export type Storage = {
  /** All conversations, the last changed first. */
  readonly list: () => Promise<readonly Conversation[]>;
  readonly load: (id: string) => Promise<readonly Message[]>;
  readonly saveConversation: (conversation: Conversation) => Promise<void>;
  readonly saveMessages: (messages: readonly Message[]) => Promise<void>;
  /** Saves an answer together with the tokens that it got since it was last saved. */
  readonly saveAnswer: (message: Message, tokens: readonly Token[], fromToken: number) => Promise<void>;
  readonly tokensOf: (message: string) => Promise<readonly Token[]>;
  /** Answers that were being written when they were last saved. */
  readonly unfinished: () => Promise<readonly Message[]>;
  /** Removes a conversation, and returns what it was. Undefined if there is none. */
  readonly take: (id: string) => Promise<Whole | undefined>;
  /** Adds conversations: all, or none. */
  readonly add: (all: readonly Whole[]) => Promise<void>;
  /** The ids of conversations that have all the words in their title, or in one message. */
  readonly search: (words: string, signal: AbortSignal) => Promise<ReadonlySet<string>>;
};

/** Tells whether a text has all the words, in any case and order. */
export function matcherOf(words: string): (text: string) => boolean {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  return (text) => {
    const lower = text.toLowerCase();
    return wanted.every((word) => lower.includes(word));
  };
}
