import { afterEach, describe, expect, it } from "vitest";
import { json } from "../fixtures/mock-upstream.ts";
import { answerAs, ask, closeUpstreams, openUpstream } from "./support.ts";

afterEach(closeUpstreams);

const CHAT = "/v1/chat/completions";
const QUESTION = { model: "ours", n: 3, messages: [{ role: "user", content: "Hi" }] };

describe.each(["anthropic", "ollama"] as const)(
  "several choices of a server of the kind %s, which gives one",
  (kind) => {
    it("are asked for one by one, and counted together", async () => {
      const opened = await openUpstream(answerAs(kind, "Hello"), `kind: ${kind}`);
      const { status, text } = await ask(opened, CHAT, QUESTION);
      expect([status, JSON.parse(text)]).toMatchObject([
        200,
        {
          choices: [0, 1, 2].map((index) => ({ index, message: { content: "Hello" }, finish_reason: "stop" })),
          usage: { prompt_tokens: 27, completion_tokens: 6 },
        },
      ]);
      expect(opened.mock.posts()).toHaveLength(3);
    });

    it("come in one stream", async () => {
      const opened = await openUpstream(answerAs(kind, "Hello"), `kind: ${kind}`);
      const { text } = await ask(opened, CHAT, { ...QUESTION, stream: true });
      const chunks = text.split("\n").filter((line) => line.startsWith("data: {"));
      const choices = chunks.flatMap((line) => JSON.parse(line.slice("data: ".length)).choices);
      const said = (index: number) => choices.filter((choice) => choice.index === index);
      for (const index of [0, 1, 2]) {
        expect(
          said(index)
            .map(({ delta }) => delta.content ?? "")
            .join(""),
        ).toBe("Hello");
        expect(said(index).filter(({ finish_reason: reason }) => reason === "stop")).toHaveLength(1);
      }
    });

    it("fail together if one fails, with its error", async () => {
      let count = 0;
      const good = answerAs(kind, "Hello");
      const opened = await openUpstream((response, heard) => {
        if (heard.method === "POST" && ++count === 2)
          return json(response, 400, { error: { message: "Not this one" } });
        return good(response, heard);
      }, `kind: ${kind}`);
      const { status, text } = await ask(opened, CHAT, QUESTION);
      expect([status, text]).toEqual([400, expect.stringContaining("Not this one")]);
    });
  },
);

it("each choice has a seed of its own where the request has one", async () => {
  const opened = await openUpstream(answerAs("ollama", "Hello"), "kind: ollama");
  await ask(opened, CHAT, { ...QUESTION, seed: 41 });
  expect(opened.mock.posts().map(({ body }) => body)).toMatchObject([
    { options: { seed: 41 } },
    { options: { seed: 42 } },
    { options: { seed: 43 } },
  ]);
});
