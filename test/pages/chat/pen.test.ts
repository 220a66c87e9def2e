import { describe, expect, it } from "vitest";
import type { AssistantMessage, Message, Pickup } from "../../../pages/chat/conversation/message.ts";
import { createPen, type PenNeeds } from "../../../pages/chat/state/pen.ts";
import { createMemory } from "../../../pages/chat/storage/memory.ts";
import { answer } from "./messages.ts";

const ID = `req_${"0".repeat(32)}`;
const PICKUP: Pickup = { request: ID, lastEvent: `${ID}:3` };

/** A pen that has its answers from `takeUp`, what it stored, and its turns, which the test gives. */
function penWith(overrides: Partial<PenNeeds> = {}) {
  const memory = createMemory();
  const saved: Message[] = [];
  const turns: (() => Promise<void>)[] = [];
  const takenUp: Pickup[] = [];
  const pen = createPen({
    storage: {
      ...memory,
      async saveAnswer(message, tokens, from) {
        saved.push(message);
        await memory.saveAnswer(message, tokens, from);
      },
    },
    ask: () => () => Promise.reject(new Error("nothing is asked here")),
    async takeUp(pickup) {
      takenUp.push(pickup);
      return new Response(null, { status: 204 });
    },
    cancel() {},
    onFrame() {},
    now: () => 0,
    pause: async () => {},
    async alone(_, work) {
      turns.push(work);
    },
    onStorageError(error) {
      throw error;
    },
    ...overrides,
  });
  return { pen, memory, saved, turns, takenUp };
}

describe("a pen", () => {
  it("stores where the answer can be taken up as soon as it knows, before anything of the answer came", async () => {
    const { promise: stored, resolve } = Promise.withResolvers<AssistantMessage>();
    const headers = { "sluice-resume": "grace=30, keep=60", "x-request-id": ID };
    const { pen } = penWith({
      storage: {
        ...createMemory(),
        async saveAnswer(message) {
          if (message.role === "assistant") resolve(message);
        },
      },
      ask: () => async () => new Response(new ReadableStream(), { headers }),
      alone: (_, work) => work(),
    });
    pen.write(answer(), { path: [], isAgain: false });
    expect(await stored).toMatchObject({
      state: "writing",
      content: "",
      pickup: { request: ID, lastEvent: `${ID}:0` },
    });
  });

  it("goes on with an answer as it is stored when its turn comes", async () => {
    const { pen, memory, saved, turns, takenUp } = penWith();
    const early = answer({ pickup: { request: ID, lastEvent: `${ID}:1` }, content: "one" });
    pen.takeUp(early);
    await memory.saveAnswer({ ...early, pickup: PICKUP, content: "one two three" }, [], 0);
    await turns[0]?.();
    expect(takenUp).toEqual([PICKUP]);
    expect(saved.at(-1)).toMatchObject({ state: "done", content: "one two three" });
  });

  it("leaves an answer alone that another tab has ended before its turn comes", async () => {
    const { pen, memory, saved, turns, takenUp } = penWith();
    const early = answer({ pickup: PICKUP });
    pen.takeUp(early);
    await memory.saveAnswer({ ...early, state: "done", pickup: null, content: "all" }, [], 0);
    await turns[0]?.();
    expect(takenUp).toEqual([]);
    expect(saved).toEqual([]);
  });
});
