import { describe, expect, it } from "vitest";
import { type Piece, readChunk } from "../../../pages/chat/answering/chunk.ts";
import { createDraft } from "../../../pages/chat/answering/draft.ts";
import { readCacheStatus, readHeaders } from "../../../pages/chat/answering/headers.ts";
import { readWaiting } from "../../../pages/chat/answering/stream.ts";
import { answer } from "./messages.ts";

function chunk(delta: object, more: object = {}): readonly Piece[] {
  return readChunk(JSON.stringify({ model: "one", choices: [{ index: 0, delta, finish_reason: null, ...more }] }));
}

describe("an answer that is written", () => {
  it("joins texts, reasoning and calls", () => {
    const draft = createDraft(answer({ content: "Once " }), 0);
    const pieces = [
      chunk({ role: "assistant", content: "", refusal: null }),
      chunk({ reasoning_content: "H" }),
      chunk({ reasoning_content: "m" }),
      chunk({ content: "upon" }),
      chunk({ content: " a" }),
      chunk({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "look", arguments: "" } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"at":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] }),
      chunk({ tool_calls: [{ index: 1, id: "call_2", type: "custom", custom: { name: "write", input: "" } }] }),
      chunk({ tool_calls: [{ index: 1, custom: { input: "x" } }] }),
      chunk({}, { finish_reason: "tool_calls" }),
    ];
    for (const piece of pieces.flat()) draft.add(piece, 10);
    expect(draft.look()).toMatchObject({
      content: "Once upon a",
      reasoning: "Hm",
      calls: [
        { id: "call_1", name: "look", arguments: '{"at":1}' },
        { id: "call_2", name: "write", arguments: "x" },
      ],
      finish: "tool_calls",
      facts: { answeredBy: "one" },
    });
  });

  it("measures the first token from the sending, and the rate from the first token to the last", () => {
    const draft = createDraft(answer(), 1_000);
    const usage = { prompt_tokens: 12, completion_tokens: 11, prompt_tokens_details: { cached_tokens: 8 } };
    for (const piece of chunk({ content: "a" })) draft.add(piece, 1_250);
    for (const piece of chunk({ content: "b" })) draft.add(piece, 2_250);
    for (const piece of readChunk(JSON.stringify({ choices: [], usage }))) draft.add(piece, 9_999);
    expect(draft.look().facts).toEqual({
      answeredBy: "one",
      firstTokenMs: 250,
      tokensPerSecond: 10,
      promptTokens: 12,
      completionTokens: 11,
      cachedTokens: 8,
    });
    draft.spoilTimes();
    expect(draft.look().facts).not.toHaveProperty("tokensPerSecond");
    expect(draft.look().facts).not.toHaveProperty("firstTokenMs");
  });

  it("hands out each token once, and counts them all", () => {
    const likely = (token: string) => ({ token, logprob: -0.5, bytes: [...Buffer.from(token)] });
    const draft = createDraft(answer({ tokenCount: 3 }), 0);
    const add = (token: string) => {
      const logprobs = { content: [{ ...likely(token), top_logprobs: [likely("other")] }] };
      for (const piece of chunk({ content: token }, { logprobs })) draft.add(piece, 1);
    };
    add("a");
    add("b");
    expect(draft.takeTokens().map(({ text, others }) => [text, others[0]?.text])).toEqual([
      ["a", "other"],
      ["b", "other"],
    ]);
    add("c");
    expect(draft.takeTokens()).toHaveLength(1);
    expect(draft.takeTokens()).toEqual([]);
    expect(draft.look().tokenCount).toBe(6);
  });

  it("keeps an error that comes in the stream, and takes what is no chunk for one", () => {
    const failed = createDraft(answer(), 0);
    for (const piece of readChunk('{"error": {"message": "It broke.", "code": "engine_crashed"}}'))
      failed.add(piece, 1);
    expect(failed.look().problem).toEqual({ message: "It broke.", code: "engine_crashed", status: null });
    expect(readChunk("nonsense")).toEqual([expect.objectContaining({ type: "failure", code: "invalid_chunk" })]);
    expect(readChunk('{"choices": [{"delta": {"content": 5}}]}')).toEqual([
      expect.objectContaining({ type: "failure" }),
    ]);
  });
});

describe("what is told beside an answer", () => {
  it("is read from the headers", () => {
    const headers = new Headers({
      "cache-status": "sluice; hit; ttl=5",
      "sluice-queue-ms": "12",
      "x-request-id": "req_1",
    });
    expect(readHeaders(headers)).toEqual({ cacheStatus: "sluice; hit; ttl=5", queueMs: 12, requestId: "req_1" });
    expect(readHeaders(new Headers())).toEqual({});
  });

  it.each([
    ["sluice; hit; ttl=30", "hit"],
    ["sluice; hit; ttl=30; detail=SEMANTIC", "similar"],
    ["sluice; fwd=miss; stored", "stored"],
    ["sluice; fwd=miss; stored; collapsed", "shared"],
    ["sluice; fwd=bypass", "unused"],
    ["sluice; fwd=miss", "miss"],
  ])("tells what '%s' means", (header, part) => {
    expect(readCacheStatus(header)).toBe(part);
  });

  it("is read from the comments of a stream that waits", () => {
    expect(readWaiting(" queued position=3 eta_ms=2100")).toEqual({ isLoading: false, position: 3, etaMs: 2100 });
    expect(readWaiting(" loading position=1")).toEqual({ isLoading: true, position: 1, etaMs: undefined });
    expect(readWaiting(" keep-alive")).toBeUndefined();
  });
});
