import { type DBSchema, openDB } from "idb";
import type { Conversation, Message } from "../conversation/message.ts";
import { matcherOf, type Storage, type StoredTokens } from "./storage.ts";

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation };
  messages: { key: string; value: Message; indexes: { conversation: string; state: string } };
  tokens: { key: [string, number]; value: StoredTokens; indexes: { conversation: string } };
}

const NAME = "sluice-chat";
const VERSION = 1;
const STORES = ["conversations", "messages", "tokens"] as const;

/**
 * Says that nothing more follows. Without it a transaction is committed once the page has heard of its requests, and a page that is loaded again
 * just then never does: what it wrote last would be lost.
 */
async function committed(transaction: { readonly done: Promise<void>; commit(): void }): Promise<void> {
  transaction.commit();
  await transaction.done;
}

/** Opens the browser's database. */
export async function openDatabase(): Promise<Storage> {
  const database = await openDB<Schema>(NAME, VERSION, {
    upgrade(created) {
      created.createObjectStore("conversations", { keyPath: "id" });
      const messages = created.createObjectStore("messages", { keyPath: "id" });
      messages.createIndex("conversation", "conversation");
      messages.createIndex("state", "state");
      created.createObjectStore("tokens", { keyPath: ["message", "from"] }).createIndex("conversation", "conversation");
    },
    // A newer version of this page, in another tab, would wait for this one forever.
    blocking: () => database.close(),
  });

  return {
    async list() {
      const all = await database.getAll("conversations");
      return all.sort((a, b) => b.updatedAtMs - a.updatedAtMs);
    },

    load: (id) => database.getAllFromIndex("messages", "conversation", id),

    async saveConversation(conversation) {
      const transaction = database.transaction("conversations", "readwrite");
      await Promise.all([transaction.store.put(conversation), committed(transaction)]);
    },

    async saveMessages(messages) {
      const transaction = database.transaction("messages", "readwrite");
      await Promise.all([...messages.map((message) => transaction.store.put(message)), committed(transaction)]);
    },

    async saveAnswer(message, tokens, from) {
      const transaction = database.transaction(["messages", "tokens"], "readwrite");
      const { id, conversation } = message;
      await Promise.all([
        transaction.objectStore("messages").put(message),
        ...(tokens.length === 0
          ? []
          : [transaction.objectStore("tokens").put({ message: id, from, conversation, tokens })]),
        committed(transaction),
      ]);
    },

    async tokensOf(message) {
      const range = IDBKeyRange.bound([message, 0], [message, Number.MAX_SAFE_INTEGER]);
      const parts = await database.getAll("tokens", range);
      return parts.flatMap(({ tokens }) => tokens);
    },

    unfinished: () => database.getAllFromIndex("messages", "state", "writing"),

    async take(id) {
      const transaction = database.transaction(STORES, "readwrite");
      const [conversations, messages, tokens] = [
        transaction.objectStore("conversations"),
        transaction.objectStore("messages"),
        transaction.objectStore("tokens"),
      ];
      const [conversation, ownMessages, ownTokens] = await Promise.all([
        conversations.get(id),
        messages.index("conversation").getAll(id),
        tokens.index("conversation").getAll(id),
      ]);
      await Promise.all([
        conversations.delete(id),
        ...ownMessages.map((message) => messages.delete(message.id)),
        ...ownTokens.map(({ message, from }) => tokens.delete([message, from])),
        committed(transaction),
      ]);
      return conversation && { conversation, messages: ownMessages, tokens: ownTokens };
    },

    async add(all) {
      const transaction = database.transaction(STORES, "readwrite");
      await Promise.all([
        ...all.flatMap(({ conversation, messages, tokens }) => [
          transaction.objectStore("conversations").add(conversation),
          ...messages.map((message) => transaction.objectStore("messages").add(message)),
          ...tokens.map((part) => transaction.objectStore("tokens").add(part)),
        ]),
        committed(transaction),
      ]);
    },

    async search(words, signal) {
      const has = matcherOf(words);
      const titled = (await database.getAll("conversations")).filter(({ title }) => has(title));
      const found = new Set(titled.map(({ id }) => id));
      // A cursor, because all messages at once may be more than there is memory for.
      let cursor = await database.transaction("messages").store.openCursor();
      while (cursor !== null && !signal.aborted) {
        const { conversation, content } = cursor.value;
        if (!found.has(conversation) && has(content)) found.add(conversation);
        cursor = await cursor.continue();
      }
      return found;
    },
  };
}
