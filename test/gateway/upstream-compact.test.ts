import { afterEach, expect, it } from "vitest";
import { compactedResponse } from "../fixtures/openai/responses.ts";
import { answerAs, ask, closeUpstreams, heardBy, openUpstream } from "./support.ts";

afterEach(closeUpstreams);

const said = (role: string, content: string) => ({ role, content });

it.each(["generic", "anthropic", "ollama"] as const)(
  "a server of the kind %s compacts a conversation",
  async (kind) => {
    const opened = await openUpstream(answerAs(kind, "Ann likes the sea."), `kind: ${kind}`);
    const input = [said("user", "I am Ann."), said("assistant", "Hello."), said("user", "I like the sea.")];
    const { status, text } = await ask(opened, "/v1/responses/compact", { model: "ours", input });
    expect(status, text).toBe(200);
    const { output, usage } = compactedResponse.parse(JSON.parse(text));
    expect(output.map(({ type }) => type)).toEqual(["message", "message", "compaction"]);
    expect(usage).toMatchObject({ input_tokens: 9, output_tokens: 2 });
    expect(JSON.stringify(heardBy(opened))).toContain("I like the sea.");

    opened.mock.behave(answerAs(kind, "Ann"));
    const next = await ask(opened, "/v1/responses", { model: "ours", input: [...output, said("user", "Who am I?")] });
    expect(next.status, next.text).toBe(200);
    expect(JSON.stringify(heardBy(opened))).toContain("Ann likes the sea.");
  },
);
