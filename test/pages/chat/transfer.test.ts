import { describe, expect, it } from "vitest";
import type { Conversation } from "../../../pages/chat/conversation/message.ts";
import { NO_SETTINGS } from "../../../pages/chat/conversation/settings.ts";
import { ImportError, readExport, withoutKnown, writeExport } from "../../../pages/chat/storage/transfer.ts";
import { answer, countUp, userMessage } from "./messages.ts";

const CONVERSATION: Conversation = {
  ...{ id: "c", title: "Hello", createdAtMs: 1, updatedAtMs: 2 },
  settings: { ...NO_SETTINGS, numbers: { temperature: 0 }, variables: { "preset/x": { a: "b" } } },
  lanes: [{ model: "one", head: "a" }],
};
const MESSAGES = [
  userMessage(),
  answer({
    ...{
      content: "Hi",
      state: "done",
      tokenCount: 5,
      tokensFromChar: 2,
      facts: { promptTokens: 3, cacheStatus: "sluice; hit" },
    },
    pickup: { request: "req_1", lastEvent: "req_1:3" },
  }),
  answer({ id: "b", createdAtMs: 3, content: "Hey", state: "writing" }),
];

function exported(): { conversations: Record<string, unknown>[]; [field: string]: unknown } {
  return JSON.parse(writeExport([{ conversation: CONVERSATION, messages: MESSAGES, tokens: [] }], new Date(0)));
}

describe("an exported file", () => {
  it("brings back conversations under new ids, so that nothing is overwritten", () => {
    const [record] = readExport(JSON.stringify(exported()), countUp("new-"));
    expect(record?.conversation).toEqual({ ...CONVERSATION, id: "new-4", lanes: [{ model: "one", head: "new-2" }] });
    expect(
      record?.messages.map(({ id, parent, conversation, content }) => [id, parent, conversation, content]),
    ).toEqual([
      ["new-1", null, "new-4", "Hello"],
      ["new-2", "new-1", "new-4", "Hi"],
      ["new-3", "new-1", "new-4", "Hey"],
    ]);
  });

  it("adds no conversation that is there already, and none of the file twice", () => {
    const file = exported();
    const twice = JSON.stringify({ ...file, conversations: [...file.conversations, ...file.conversations] });
    const [first, second] = readExport(twice, countUp("new-"));
    if (first === undefined || second === undefined) throw new Error("The file has two conversations.");
    const [message, ...rest] = second.messages;
    if (message === undefined) throw new Error("The conversation has messages.");
    const other = { ...second, messages: [{ ...message, content: "Something else" }, ...rest] };
    expect(withoutKnown([first, second], [])).toEqual([first]);
    expect(withoutKnown([first], [{ conversation: CONVERSATION, messages: MESSAGES, tokens: [] }])).toEqual([]);
    expect(withoutKnown([first, other], [first])).toEqual([other]);
  });

  it("leaves nothing that could be taken up, and no tokens", () => {
    const [record] = readExport(JSON.stringify(exported()), countUp("new-"));
    const [, first, second] = record?.messages ?? [];
    expect(first).toMatchObject({
      state: "done",
      pickup: null,
      tokenCount: 0,
      tokensFromChar: 0,
      facts: { promptTokens: 3 },
    });
    expect(second).toMatchObject({ state: "cut" });
    expect(JSON.stringify(exported())).not.toContain("req_1:3");
  });

  it.each([
    ["no JSON", "{", /^The file is no JSON: /],
    ["something else", '{"messages": []}', /no export of this page/],
    ["a list", "[]", /no export of this page/],
    ["null", "null", /no export of this page/],
    ["of a newer version", '{"format": "sluice-chat", "version": 2}', /version 2 .* reads version 1\. Update Sluice/],
    ["without conversations", '{"format": "sluice-chat", "version": 1}', /damaged at conversations/],
  ])("that is %s is refused, and the message says why", (_, content, words) => {
    expect(() => readExport(content, countUp("new-"))).toThrow(ImportError);
    expect(() => readExport(content, countUp("new-"))).toThrow(words);
  });

  function withMessages(change: (messages: Record<string, unknown>[]) => void): string {
    const file = exported();
    const [conversation] = file.conversations;
    change(conversation?.messages as Record<string, unknown>[]);
    return JSON.stringify(file);
  }

  it("that is damaged is refused, and the message names the place", () => {
    const wrongText = withMessages((messages) => Object.assign(messages[1] ?? {}, { content: 5 }));
    expect(() => readExport(wrongText, countUp("new-"))).toThrow(/damaged at conversations\.0\.messages\.1\.content/);
    const circle = withMessages((messages) => Object.assign(messages[0] ?? {}, { parent: "a" }));
    expect(() => readExport(circle, countUp("new-"))).toThrow(
      /conversation 1 \(“Hello”\), the parent of a message is missing/,
    );
    const twins = withMessages((messages) => Object.assign(messages[1] ?? {}, { id: "q" }));
    expect(() => readExport(twins, countUp("new-"))).toThrow(/two messages have the id “q”/);
    const lost = withMessages((messages) => messages.splice(1, 1));
    expect(() => readExport(lost, countUp("new-"))).toThrow(/the shown message “a” is missing/);
  });
});
