import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UpstreamError } from "../../src/generation/errors.ts";
import {
  answerWith,
  begin,
  chunk,
  json,
  type MockUpstream,
  mockUpstream,
  send,
  streaming,
} from "../fixtures/mock-upstream.ts";
import { collect, openUpstream, requestFor, textOf } from "./support.ts";

let mock: MockUpstream;
let opened: ReturnType<typeof openUpstream>;

beforeEach(async () => {
  mock = await mockUpstream();
  opened = openUpstream(mock.url);
});

afterEach(async () => {
  await opened.server.close();
  await mock.close();
});

function reopen(group: object, key?: string): void {
  opened = openUpstream(mock.url, group, key);
}

async function failureOf(request = requestFor()): Promise<UpstreamError["failure"]> {
  const error: unknown = await collect(opened.backend, request).catch((thrown: unknown) => thrown);
  if (!(error instanceof UpstreamError)) throw error;
  return error.failure;
}

describe("an upstream that answers", () => {
  it("gives its text and its usage as events", async () => {
    mock.behave(answerWith(["Hel", "lo"]));
    expect(await collect(opened.backend)).toEqual([
      { type: "started" },
      { type: "text", choice: 0, text: "Hel" },
      { type: "text", choice: 0, text: "lo" },
      { type: "finished", choice: 0, reason: "stop" },
      { type: "usage", promptTokens: 7, cachedTokens: 0, completionTokens: 2 },
    ]);
  });

  it("is read where it sends one JSON body in place of a stream", async () => {
    mock.behave((response) =>
      json(response, 200, { choices: [{ index: 0, message: { content: "Hello" }, finish_reason: "stop" }] }),
    );
    expect(textOf(await collect(opened.backend))).toBe("Hello");
  });

  it.each([
    ["negative", { prompt_tokens: -5, completion_tokens: 2 }],
    ["absurd", { prompt_tokens: 1e18, completion_tokens: 2 }],
    ["no numbers", { prompt_tokens: "many", completion_tokens: null }],
    ["missing", undefined],
  ])("is not believed where its usage is %s", async (_, usage) => {
    mock.behave(answerWith(["Hello, world"], usage));
    const told = (await collect(opened.backend)).find(({ type }) => type === "usage");
    expect(told).toMatchObject({ type: "usage", cachedTokens: 0 });
    const counts = Object.values(told ?? {}).filter((value) => typeof value === "number");
    expect(counts.every((count) => count >= 0 && count < 100)).toBe(true);
  });

  it("gets its key, and the request's id and session, and nothing of the client's", async () => {
    reopen({ kind: "vllm" }, "secret-of-the-gateway");
    await collect(opened.backend);
    const [heard] = mock.posts();
    expect(heard?.path).toBe("/v1/chat/completions");
    expect(heard?.headers).toMatchObject({ authorization: "Bearer secret-of-the-gateway", "x-request-id": "req_1" });
    expect(heard?.headers["x-session-id"]).toMatch(/^[\w-]{32}$/);
  });
});

describe("the path of an upstream", () => {
  it.each([
    ["generic", "", "/v1/chat/completions"],
    ["generic", "/v1", "/v1/chat/completions"],
    ["generic", "/api/v1/", "/api/v1/chat/completions"],
    ["generic", "/v1beta/openai", "/v1beta/openai/chat/completions"],
    ["openvino", "", "/v3/chat/completions"],
    ["openvino", "/v3", "/v3/chat/completions"],
    ["ray-serve", "/app", "/app/v1/chat/completions"],
    ["ollama", "", "/api/chat"],
    ["anthropic", "/v1", "/v1/messages"],
  ])("has the prefix of its API once: %s%s", async (kind, path, expected) => {
    await opened.server.close();
    opened = openUpstream(`${mock.url}${path}`, { kind });
    mock.behave((response) => json(response, 400, { error: { message: "no" } }));
    await failureOf();
    expect(mock.posts()[0]?.path).toBe(expected);
  });

  it("has the prefix of the settings in the place of the kind's", async () => {
    await opened.server.close();
    opened = openUpstream(`${mock.url}/x`, { pathPrefix: "/openai" });
    await collect(opened.backend);
    expect(mock.posts()[0]?.path).toBe("/x/openai/chat/completions");
  });
});

describe("an upstream that misbehaves", () => {
  it("fails in time where it never answers", async () => {
    reopen({ timeouts: { firstByteMs: 100 } });
    mock.behave(() => {});
    expect(await failureOf()).toMatchObject({ status: 504 });
    expect(mock.posts()).toHaveLength(1);
  });

  it("fails in time where it begins and sends nothing", async () => {
    reopen({ timeouts: { firstByteMs: 100 } });
    mock.behave((response) => begin(response));
    expect(await failureOf()).toMatchObject({ status: 504 });
  });

  it("fails in time where it stops in the middle", async () => {
    reopen({ timeouts: { betweenEventsMs: 100 } });
    mock.behave((response) => {
      begin(response);
      send(response, chunk({ delta: { content: "Hel" } }));
    });
    expect(await failureOf()).toMatchObject({ status: 504 });
  });

  it("fails in time where it drips for ever", async () => {
    reopen({ timeouts: { totalMs: 300 } });
    let timer: NodeJS.Timeout | undefined;
    mock.behave((response) => {
      begin(response);
      timer = setInterval(() => send(response, chunk({ delta: { content: "." } })), 20);
    });
    expect(await failureOf()).toMatchObject({ status: 504 });
    clearInterval(timer);
  });

  it("is asked again where the connection breaks before the first byte", async () => {
    let count = 0;
    mock.behave((response, heard) => {
      count += 1;
      if (count === 1) response.destroy();
      else void answerWith(["Hello"])(response, heard);
    });
    expect(textOf(await collect(opened.backend))).toBe("Hello");
    expect(count).toBe(2);
  });

  it("is not asked again once it has begun to answer", async () => {
    mock.behave((response) => {
      begin(response);
      send(response, chunk({ delta: { content: "Hel" } }));
      setImmediate(() => response.destroy());
    });
    expect(await failureOf()).toMatchObject({ status: undefined });
    expect(mock.posts()).toHaveLength(1);
  });

  it("fails where it ends politely in the middle", async () => {
    mock.behave(streaming([chunk({ delta: { content: "Hel" } })]));
    expect((await failureOf()).message).toContain("broke off");
  });

  it("fails where its answer is empty", async () => {
    mock.behave(streaming([]));
    expect(await failureOf()).toMatchObject({ status: undefined });
  });

  it("is waited for where it says when to come back", async () => {
    let count = 0;
    mock.behave((response, heard) => {
      count += 1;
      if (count === 1) json(response, 429, { error: { message: "slow down" } }, { "retry-after-ms": "50" });
      else void answerWith(["Hello"])(response, heard);
    });
    expect(textOf(await collect(opened.backend))).toBe("Hello");
  });

  it("passes on when to come back where that is long", async () => {
    mock.behave((response) => json(response, 429, { error: { message: "slow down" } }, { "retry-after": "30" }));
    expect(await failureOf()).toMatchObject({ status: 429, message: "slow down", retryAfterMs: 30_000 });
    expect(mock.posts()).toHaveLength(1);
    expect(opened.backend.workload()?.firstTokenMs).toBeGreaterThan(20_000);
    expect(opened.backend.state()).toBe("loading");
  });

  it("does not count as failed for its load", async () => {
    mock.behave((response) => json(response, 503, { error: { message: "full" } }));
    for (let index = 0; index < 8; index++) expect(await failureOf()).toMatchObject({ status: 503, message: "full" });
    expect(mock.posts()).toHaveLength(8);
  });

  it("is left alone after a storm of errors, and says so", async () => {
    mock.behave((response) => json(response, 500, { error: { message: "boom" } }));
    for (let index = 0; index < 5; index++) await failureOf();
    const asked = mock.posts().length;
    expect(await failureOf()).toMatchObject({ status: 503, code: "upstream_unavailable" });
    expect(mock.posts()).toHaveLength(asked);
    // Tries are rationed: 5 requests would be 15 otherwise.
    expect(asked).toBeLessThanOrEqual(15);
  });

  it("is not followed where it redirects", async () => {
    const other = await mockUpstream();
    mock.behave((response) => {
      response.writeHead(307, { location: `${other.url}/v1/chat/completions` });
      response.end();
    });
    expect((await failureOf()).message).toContain("redirect");
    expect(other.heard).toEqual([]);
    await other.close();
  });

  it("is asked once for what it has not implemented, which is no fault of its own", async () => {
    mock.behave((response) =>
      json(response, 501, { error: { code: 501, message: "no embeddings", type: "not_supported_error" } }),
    );
    for (let index = 0; index < 6; index++)
      expect(await failureOf()).toMatchObject({ status: 400, message: "no embeddings" });
    expect(mock.posts()).toHaveLength(6);
  });

  it("fails where it sends a page", async () => {
    mock.behave((response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end("<html>Log in</html>");
    });
    expect((await failureOf()).message).toContain("text/html");
  });

  it.each([
    ["no JSON", "data: {nonsense\n\n"],
    ["JSON of another kind", 'data: {"choices":[{"index":0,"delta":{"tool_calls":7}}]}\n\n'],
  ])("fails where an event is %s", async (_, text) => {
    mock.behave((response) => {
      begin(response);
      response.end(text);
    });
    expect(await failureOf()).toMatchObject({ status: undefined });
  });

  it("fails where an event is huge", async () => {
    mock.behave(async (response) => {
      begin(response);
      response.on("error", () => {});
      const closed = once(response, "close");
      const piece = "x".repeat(1024 * 1024);
      response.write('data: {"choices":[{"delta":{"content":"');
      for (let sent = 0; sent < 40 && !response.destroyed; sent++) {
        if (!response.write(piece)) await Promise.race([once(response, "drain"), closed]);
      }
      response.end();
    });
    expect((await failureOf()).message).toContain("more than");
  });

  it("keeps the words for the operator to itself where the key is wrong", async () => {
    reopen({}, "sk-very-secret-key");
    mock.behave((response) => json(response, 401, { error: { message: "Wrong key: sk-very-secret-key" } }));
    const { status, message } = await failureOf();
    expect(status).toBe(401);
    expect(message).not.toContain("sk-");
  });

  it("never tells its key where it repeats it", async () => {
    reopen({}, "sk-very-secret-key");
    mock.behave((response) => json(response, 400, { error: { message: "Bad, sk-very-secret-key" } }));
    expect((await failureOf()).message).toBe("Bad, [redacted]");
  });

  it.each([
    ["generic", { error: { message: "Bad, sk-very-secret-key", code: 400 } }],
    ["anthropic", { type: "error", error: { type: "invalid_request_error", message: "Bad, sk-very-secret-key" } }],
    ["ollama", { error: "Bad, sk-very-secret-key" }],
  ])("never tells its key where it repeats it in a stream (%s)", async (kind, error) => {
    reopen({ kind }, "sk-very-secret-key");
    mock.behave(streaming([error]));
    expect((await failureOf()).message).toBe("Bad, [redacted]");
  });

  it.each([
    [200, "compressed its answer"],
    [400, "failed with status 400"],
  ])("fails in words of ours where it compresses what it says (status %i)", async (status, words) => {
    mock.behave((response) => {
      response.writeHead(status, { "content-type": "text/event-stream", "content-encoding": "gzip" });
      response.end(gzipSync(`data: ${JSON.stringify(chunk({ delta: { content: "Hi" } }))}\n\n`));
    });
    expect((await failureOf()).message).toContain(words);
    expect(mock.posts()[0]?.headers["accept-encoding"]).toBe("identity");
  });

  it("does not tell the addresses that its words name", async () => {
    mock.behave((response) =>
      json(response, 400, {
        error: { message: "No 10.1.2.3:8000, localhost:80, [fe80::1]:9 or 127.0.0.1 for [1, 2] at 10:30." },
      }),
    );
    expect((await failureOf()).message).toBe("No [address], [address], [address] or [address] for [1, 2] at 10:30.");
  });

  it.each([
    ["Connection to http://vllm-7:8000/v1/chat refused", "Connection to [address] refused"],
    ["No route to https://user:word@gpu.example.com:8443/v1.", "No route to [address]"],
    ["gpu-3.models.svc.cluster.local is down, and so is db.corp:5432", "[address] is down, and so is [address]"],
    [
      "HTTPConnectionPool(host='vllm-0', port=8000): Max retries",
      "HTTPConnectionPool(host='[address]', port=8000): Max retries",
    ],
    [
      "See https://platform.openai.com/docs, or ask llama3.2:70b at 10:30.",
      "See https://platform.openai.com/docs, or ask llama3.2:70b at 10:30.",
    ],
    ["Invalid value for messages.0.content: 12", "Invalid value for messages.0.content: 12"],
  ])("says no host's name that is not public: %s", async (said, told) => {
    mock.behave((response) => json(response, 400, { error: { message: said } }));
    expect((await failureOf()).message).toBe(told);
  });

  it.each([
    ["generic", (content: string) => chunk({ delta: { content } })],
    ["ollama", (content: string) => ({ message: { content } })],
  ])("is cut off where its answer has no end (%s)", async (kind, event) => {
    reopen({ kind, maxConcurrent: 1 });
    mock.behave((response) => {
      begin(response);
      const piece = `data: ${JSON.stringify(event("x".repeat(1024 * 1024)))}\n\n`;
      const go = () => {
        while (response.write(piece));
      };
      response.on("drain", go);
      go();
    });
    const events = await collect(opened.backend);
    expect(textOf(events).length).toBe(17 * 1024 * 1024);
    expect(events).toContainEqual({ type: "finished", choice: 0, reason: "length" });
    await mock.posts()[0]?.left;
  });

  it("tells of a failure that comes in its stream", async () => {
    mock.behave(streaming([{ error: { message: "too long", code: 400, param: "messages" } }]));
    expect(await failureOf()).toMatchObject({ status: 400, message: "too long", param: "messages" });
  });

  it("hears at once that its client has left", async () => {
    const client = new AbortController();
    mock.behave((response) => {
      begin(response);
      send(response, chunk({ delta: { content: "Hel" } }));
    });
    const reading = collect(opened.backend, requestFor({}, { signal: client.signal }));
    await expect.poll(() => mock.posts().length).toBe(1);
    client.abort(new Error("left"));
    await expect(reading).rejects.toThrow("left");
    await mock.posts()[0]?.left;
  });

  it("is asked no more for a request that was left while it waited to be tried again", async () => {
    const client = new AbortController();
    mock.behave((response) => {
      json(response, 429, { error: { message: "slow down" } }, { "retry-after": "1" });
      setImmediate(() => client.abort(new Error("left")));
    });
    await expect(collect(opened.backend, requestFor({}, { signal: client.signal }))).rejects.toThrow("left");
    expect(mock.posts()).toHaveLength(1);
  });
});

describe("a request that must stay here", () => {
  it.each([
    ["localOnly", { localOnly: true }],
    ["the warm-up", { isWarmUp: true }],
  ])("is refused before anything is sent: %s", async (_, terms) => {
    const request = requestFor({}, { terms: { tenant: "local", priority: "default", ...terms } });
    await expect(collect(opened.backend, request)).rejects.toMatchObject({ code: "local_only" });
    await expect(
      opened.backend.embed?.({ ...request, items: [{ type: "text", text: "Hi" }], dimensions: undefined }),
    ).rejects.toMatchObject({ code: "local_only" });
    expect(mock.heard).toEqual([]);
  });

  it("may go to an upstream that the operator calls local", async () => {
    reopen({ local: true });
    const request = requestFor({}, { terms: { tenant: "local", priority: "default", localOnly: true } });
    expect(textOf(await collect(opened.backend, request))).toBe("Hello");
  });
});
