import type { AssistantMessage, Message, UserMessage } from "../../../pages/chat/conversation/message.ts";
import { NO_SETTINGS } from "../../../pages/chat/conversation/settings.ts";

export function userMessage(overrides: Partial<UserMessage> = {}): UserMessage {
  return { role: "user", id: "q", conversation: "c", parent: null, createdAtMs: 1, content: "Hello", ...overrides };
}

export function answer(overrides: Partial<AssistantMessage> = {}): AssistantMessage {
  return {
    ...{
      role: "assistant",
      id: "a",
      conversation: "c",
      parent: "q",
      createdAtMs: 2,
      model: "one",
      content: "",
      reasoning: "",
    },
    ...{ calls: [], state: "writing", settings: NO_SETTINGS, finish: null, problem: null, facts: {}, tokenCount: 0 },
    ...{ tokensFromChar: 0, pickup: null },
    ...overrides,
  };
}

export function idsOf(messages: readonly Message[]): readonly string[] {
  return messages.map(({ id }) => id);
}

/** Makes ids: `id1`, `id2`, … */
export function countUp(prefix: string): () => string {
  let last = 0;
  return () => {
    last += 1;
    return prefix + last;
  };
}
