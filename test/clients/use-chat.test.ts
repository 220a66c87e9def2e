import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Chat } from "@ai-sdk/react";
import { convertToModelMessages, DefaultChatTransport, streamText, type UIMessage } from "ai";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

const provider = createOpenAICompatible({ name: "sluice", baseURL: `${inject("gatewayUrl")}/v1` });

/** The route behind a page with `useChat`, as in the AI SDK's guide. */
const route: Server = createServer((incoming, outgoing) => {
  void (async () => {
    let text = "";
    for await (const piece of incoming.setEncoding("utf8")) text += piece;
    const { messages, model } = JSON.parse(text) as { messages: UIMessage[]; model: string };
    const result = streamText({
      model: provider(model),
      messages: await convertToModelMessages(messages),
      ...{ temperature: 0, maxOutputTokens: 20, maxRetries: 0 },
      onError: () => {},
    });
    result.pipeUIMessageStreamToResponse(outgoing, { onError: (error) => String(error) });
  })();
});

let api = "";
beforeAll(async () => {
  route.listen(0, "127.0.0.1");
  await once(route, "listening");
  api = `http://127.0.0.1:${(route.address() as AddressInfo).port}/api/chat`;
});
afterAll(async () => {
  route.closeAllConnections();
  route.close();
  await once(route, "close");
});

/** The chat object that `useChat` uses, without a component. */
function makeChat(model: string): Chat<UIMessage> {
  return new Chat({ transport: new DefaultChatTransport({ api, body: { model } }) });
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

describe("the AI SDK's useChat", () => {
  test("shows an answer as it streams, and continues the conversation", async () => {
    const chat = makeChat("smollm2-135m-instruct");
    await chat.sendMessage({ text: "Say hi" });
    expect(chat.status).toBe("ready");
    expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(textOf(chat.lastMessage ?? { id: "", role: "user", parts: [] })).toContain("glad");
    await chat.sendMessage({ text: "Say it again" });
    expect(chat.messages).toHaveLength(4);
  });

  test("shows the gateway's error message", async () => {
    const chat = makeChat("nobody");
    await chat.sendMessage({ text: "Say hi" });
    expect(chat.status).toBe("error");
    expect(chat.error?.message).toContain("does not exist");
  });
});
