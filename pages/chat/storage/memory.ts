import type { Conversation, Message } from "../conversation/message.ts";
import { matcherOf, type Storage, type StoredTokens } from "./storage.ts";

/** Keeps conversations as long as the page lives: for browsers that store nothing. */
export function createMemory(): Storage {
  const conversations = new Map<string, Conversation>();
  const messages = new Map<string, Message>();
  let tokens: readonly StoredTokens[] = [];

  const load = async (id: string) => [...messages.values()].filter(({ conversation }) => conversation === id);

  return {
    list: async () => [...conversations.values()].sort((a, b) => b.updatedAtMs - a.updatedAtMs),
    load,
    async saveConversation(conversation) {
      conversations.set(conversation.id, conversation);
    },
    async saveMessages(saved) {
      for (const message of saved) messages.set(message.id, message);
    },
    async saveAnswer(message, added, from) {
      messages.set(message.id, message);
      const { id, conversation } = message;
      if (added.length > 0) tokens = [...tokens, { message: id, from, conversation, tokens: added }];
    },
    tokensOf: async (id) => tokens.filter(({ message }) => message === id).flatMap((part) => part.tokens),
    unfinished: async () => [],
    async take(id) {
      const conversation = conversations.get(id);
      if (conversation === undefined) return undefined;
      const own = await load(id);
      const taken = { conversation, messages: own, tokens: tokens.filter((part) => part.conversation === id) };
      conversations.delete(id);
      for (const message of own) messages.delete(message.id);
      tokens = tokens.filter((part) => part.conversation !== id);
      return taken;
    },
    async add(all) {
      for (const whole of all) {
        conversations.set(whole.conversation.id, whole.conversation);
        for (const message of whole.messages) messages.set(message.id, message);
        tokens = [...tokens, ...whole.tokens];
      }
    },
    async search(words) {
      const has = matcherOf(words);
      const found = [...messages.values()]
        .filter(({ content }) => has(content))
        .map(({ conversation }) => conversation);
      return new Set([...found, ...[...conversations.values()].filter(({ title }) => has(title)).map(({ id }) => id)]);
    },
  };
}
