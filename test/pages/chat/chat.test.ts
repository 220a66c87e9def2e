import { describe, expect, it } from "vitest";
import type { Send } from "../../../pages/chat/answering/stream.ts";
import { pathTo } from "../../../pages/chat/conversation/tree.ts";
import type { Body } from "../../../pages/chat/request/body.ts";
import { type Chat, createChat } from "../../../pages/chat/state/chat.ts";
import { createPen } from "../../../pages/chat/state/pen.ts";
import { createMemory } from "../../../pages/chat/storage/memory.ts";
import { countUp } from "./messages.ts";

/** A chat whose model answers with `reply`, and what it was asked. */
function chatWith(reply: (body: Body) => string = ({ messages }) => `answer ${messages.length}`) {
  const asked: { body: Body; isAgain: boolean }[] = [];
  const ends = new Set<() => void>();
  const storage = createMemory();
  const pen = createPen({
    storage,
    ask:
      (body, isAgain): Send =>
      async () => {
        asked.push({ body, isAgain });
        const chunk = { choices: [{ delta: { content: reply(body) }, finish_reason: "stop" }] };
        return new Response(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
      },
    takeUp: () => Promise.reject(new Error("nothing is taken up here")),
    cancel() {},
    onFrame: (callback) => callback(),
    now: () => 0,
    pause: async () => {},
    alone: (_, work) => work(),
    onStorageError(error) {
      throw error;
    },
  });
  const chat = createChat({
    ...{ storage, storageProblem: undefined, pen, now: () => 0, usualModel: () => "one" },
    newId: countUp("id"),
  });
  pen.onEnd(() => {
    for (const end of ends) end();
  });
  /** Resolves when nothing is written any more. */
  async function settled(): Promise<void> {
    while (
      chat.isWriting.value ||
      [...chat.tree.value.byId.values()].some((m) => m.role === "assistant" && m.state === "writing")
    ) {
      await new Promise<void>((resolve) => {
        ends.add(resolve);
      });
      await Promise.resolve();
    }
  }
  return { chat, asked, settled };
}

/** The texts that a thread shows. */
function shownIn(chat: Chat, lane = 0): readonly string[] {
  return pathTo(chat.tree.value, chat.current.value.lanes[lane]?.head ?? null).map(({ content }) => content);
}

function lastIdOf(chat: Chat, lane = 0): string {
  return chat.current.value.lanes[lane]?.head ?? "";
}

describe("a chat", () => {
  it("asks with all that is shown, and takes its title from the first message", async () => {
    const { chat, asked, settled } = chatWith();
    chat.send("Hello there");
    await settled();
    chat.send("And now?");
    await settled();
    expect(shownIn(chat)).toEqual(["Hello there", "answer 1", "And now?", "answer 3"]);
    expect(asked.map(({ body }) => body.messages.length)).toEqual([1, 3]);
    expect(chat.conversations.value.map(({ title }) => title)).toEqual(["Hello there"]);
  });

  it("tells of an answer's end in its own conversation only", async () => {
    const { chat, settled } = chatWith();
    chat.send("one");
    await settled();
    expect(chat.news.value).toBe("The answer is complete: 2 words.");
    chat.begin();
    expect(chat.news.value).toBe("");
  });

  it("makes a branch when an answer is asked for again, which no stored answer will do for", async () => {
    const { chat, asked, settled } = chatWith();
    chat.send("Hello");
    await settled();
    const first = lastIdOf(chat);
    chat.regenerate(0, first);
    await settled();
    expect(asked.map(({ isAgain }) => isAgain)).toEqual([false, true]);
    expect(asked[1]?.body).toEqual(asked[0]?.body);
    expect(lastIdOf(chat)).not.toBe(first);
    chat.choose(0, first);
    expect(lastIdOf(chat)).toBe(first);
  });

  it("keeps both branches when a message is edited", async () => {
    const { chat, settled } = chatWith(({ messages }) => `re: ${(messages.at(-1) as { content: string }).content}`);
    chat.send("one");
    await settled();
    const [question] = pathTo(chat.tree.value, lastIdOf(chat));
    chat.edit(0, question?.id ?? "", "two");
    await settled();
    expect(shownIn(chat)).toEqual(["two", "re: two"]);
    chat.choose(0, question?.id ?? "");
    expect(shownIn(chat)).toEqual(["one", "re: one"]);
  });

  it("keeps an answer that is edited without asking, and goes on from it", async () => {
    const { chat, asked, settled } = chatWith(() => " more");
    chat.send("Hello");
    await settled();
    chat.edit(0, lastIdOf(chat), "My own");
    expect(asked).toHaveLength(1);
    chat.continueAnswer(0, lastIdOf(chat));
    await settled();
    expect(shownIn(chat)).toEqual(["Hello", "My own more"]);
    expect(asked[1]?.body).toMatchObject({ continue_final_message: true });
    expect(asked[1]?.body.messages.at(-1)).toEqual({ role: "assistant", content: "My own" });
  });

  it("goes on from another token in a branch of its own", async () => {
    const { chat, settled } = chatWith(() => " upon a time");
    chat.send("A story");
    await settled();
    chat.goOn(0, lastIdOf(chat), "Twice");
    await settled();
    expect(shownIn(chat)).toEqual(["A story", "Twice upon a time"]);
    expect(chat.tree.value.byId.size).toBe(3);
  });

  it("asks two models, which share what they were asked until one thread goes its own way", async () => {
    const { chat, asked, settled } = chatWith(({ model }) => `I am ${model}`);
    chat.compare("two");
    chat.send("Who are you?");
    await settled();
    expect(asked.map(({ body }) => body.model).sort()).toEqual(["one", "two"]);
    expect(shownIn(chat, 0)).toEqual(["Who are you?", "I am one"]);
    expect(shownIn(chat, 1)).toEqual(["Who are you?", "I am two"]);
    expect(chat.tree.value.byId.size).toBe(3);
    chat.send("Really?");
    await settled();
    expect(shownIn(chat, 1)).toEqual(["Who are you?", "I am two", "Really?", "I am two"]);
    expect(chat.tree.value.byId.size).toBe(7);
    chat.compare(undefined);
    expect(chat.current.value.lanes).toHaveLength(1);
    expect(shownIn(chat)).toEqual(["Who are you?", "I am one", "Really?", "I am one"]);
  });

  it("brings back a conversation that was deleted, as it was", async () => {
    const { chat, settled } = chatWith();
    chat.send("Keep me");
    await settled();
    const { id } = chat.current.value;
    const before = shownIn(chat);
    await chat.remove(id);
    expect(chat.conversations.value).toEqual([]);
    expect(shownIn(chat)).toEqual([]);
    await chat.restore();
    expect(chat.conversations.value.map(({ title }) => title)).toEqual(["Keep me"]);
    expect(shownIn(chat)).toEqual(before);
    expect(chat.deleted.value).toBeUndefined();
  });

  it("finds conversations by the words of a title or of a message", async () => {
    const { chat, settled } = chatWith(() => "A heron stands in the reeds.");
    chat.send("What is a bird?");
    await settled();
    const { id } = chat.current.value;
    const search = (words: string) => chat.search(words, new AbortController().signal);
    expect(await search("REEDS heron")).toEqual(new Set([id]));
    expect(await search("bird")).toEqual(new Set([id]));
    expect(await search("bird heron")).toEqual(new Set());
  });

  it("gives the results of calls in the order of the calls", async () => {
    const { chat, asked, settled } = chatWith();
    chat.send("Look");
    await settled();
    const head = lastIdOf(chat);
    const message = chat.tree.value.byId.get(head);
    if (message?.role !== "assistant") throw new Error("there is no answer");
    Object.assign(message, {
      calls: [
        { id: "call_1", name: "a", arguments: "{}" },
        { id: "call_2", name: "b", arguments: "{}" },
      ],
    });
    chat.giveResults(0, head, ["first", "second"]);
    await settled();
    expect(asked.at(-1)?.body.messages.slice(-2)).toEqual([
      { role: "tool", tool_call_id: "call_1", content: "first" },
      { role: "tool", tool_call_id: "call_2", content: "second" },
    ]);
  });
});
