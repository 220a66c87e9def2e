import { describe, expect, it } from "vitest";
import { SourceError } from "../../../src/models/errors.ts";
import { readText } from "../../../src/models/http/body.ts";
import { describeCause, statusFailure } from "../../../src/models/http/failure.ts";
import { createReachBudget, type RequestContext, request } from "../../../src/models/http/request.ts";
import { downloadContext } from "../support/contexts.ts";
import { type Handler, startServer } from "../support/server.ts";

const never = new AbortController().signal;

async function get(url: string, context: RequestContext): Promise<string> {
  const reply = await request(new URL(url), {}, createReachBudget(context), context);
  return readText(reply, 1_000, 1_000, never);
}

async function errorOf(promise: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SourceError)) throw new Error(`expected a SourceError, got ${String(error)}`);
  return error;
}

const redirectTo =
  (location: () => string): Handler =>
  (_, response) =>
    response.writeHead(302, { location: location() }).end();

describe("request", () => {
  it("sends the token to the hub, but not to the target of its redirects", async () => {
    const storage = await startServer((_, response) => response.end("the file"));
    const hub = await startServer(redirectTo(() => `${storage.origin}/file`));
    const context = downloadContext({ policy: { hubOrigin: hub.origin, token: "hf_secret" } });
    expect(await get(`${hub.origin}/a`, context)).toBe("the file");
    expect(hub.requests[0]?.headers.authorization).toBe("Bearer hf_secret");
    expect(storage.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("sends the token on when the hub redirects to itself", async () => {
    const hub = await startServer((incoming, response) =>
      incoming.url === "/b" ? response.end("b") : response.writeHead(307, { location: "/b" }).end(),
    );
    await get(`${hub.origin}/a`, downloadContext({ policy: { hubOrigin: hub.origin, token: "hf_secret" } }));
    expect(hub.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer hf_secret", "Bearer hf_secret"]);
  });

  it("does not send the token to a host that redirects to it from the hub's name in its path", async () => {
    const other = await startServer((_, response) => response.end("x"));
    await get(
      `${other.origin}/huggingface.co`,
      downloadContext({ policy: { hubOrigin: "https://huggingface.co", token: "t" } }),
    );
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("follows no redirect from a safe place to an unsafe one", async () => {
    const server = await startServer(redirectTo(() => "http://models.test/file"));
    const error = await errorOf(get(server.origin, downloadContext()));
    expect(error.message).toContain("redirects to http://models.test, which is not safe");
  });

  it("gives up after endless redirects", async () => {
    const server = await startServer(redirectTo(() => "/again"));
    expect((await errorOf(get(server.origin, downloadContext()))).message).toContain("redirects more than 8 times");
    expect(server.requests).toHaveLength(9);
  });

  it("gives up on a server that never answers, and says so", async () => {
    const server = await startServer(() => {});
    const error = await errorOf(get(server.origin, downloadContext({ reachTimeoutMs: 30 })));
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+ could not be reached: no answer within 0\.03 s$/);
    expect(error.advice).toContain("HF_ENDPOINT");
  });

  it("counts the waiting of all hops together", async () => {
    let now = 0;
    const server = await startServer((incoming, response) => {
      now += 60_000;
      if (incoming.url === "/0") response.writeHead(302, { location: "/1" }).end();
      // The second hop never answers, and 40 ms are left for it.
    });
    const startedAt = performance.now();
    const context = downloadContext({ reachTimeoutMs: 60_040, now: () => now });
    await errorOf(get(`${server.origin}/0`, context));
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(server.requests).toHaveLength(2);
  });

  it("says that a connection was refused", async () => {
    const server = await startServer(() => {});
    const { port } = new URL(server.origin);
    // Port 1 of this machine has no server.
    const error = await errorOf(get(server.origin.replace(port, "1"), downloadContext()));
    expect(error.message).toMatch(/could not be reached: (it refused the connection|bad port)/);
  });

  it("throws the reason of an abort", async () => {
    const controller = new AbortController();
    const server = await startServer(() => controller.abort(new Error("stopped by the user")));
    await expect(get(server.origin, downloadContext({ signal: controller.signal }))).rejects.toThrow(
      "stopped by the user",
    );
  });

  it("reads no endless answer as text", async () => {
    const server = await startServer((_, response) => response.end("x".repeat(5_000)));
    expect((await errorOf(get(server.origin, downloadContext()))).message).toContain("more than 1000 bytes");
  });
});

describe("statusFailure", () => {
  const url = new URL("https://huggingface.co/x");
  const hub = (token?: string) => ({ hubOrigin: url.origin, token });
  const failure = (status: number, policy = hub(), headers = {}) =>
    statusFailure({ response: new Response(null, { status, headers }), url, close: () => {} }, policy);

  it.each([
    [401, "it is private, requires accepting its terms, or does not exist", "set HF_TOKEN"],
    [403, "it is private", "accept its terms"],
    [404, "there is no such repository or file", "Check the name"],
    [429, "too many requests", "HF_TOKEN"],
    [503, "the server has a problem", "later"],
    [418, "which is not the file", "Check the URL"],
  ])("explains %i and the way out", (status, reason, advice) => {
    const error = failure(status);
    expect(error.message).toContain(`huggingface.co answered ${status}`);
    expect(error.message).toContain(reason);
    expect(error.advice).toContain(advice);
  });

  it("says that the token does not grant access, without showing it", () => {
    const error = failure(401, hub("hf_secret"));
    expect(error.message).toContain("HF_TOKEN does not grant access to it");
    expect(error.message + error.advice).not.toContain("hf_secret");
  });

  it("says how long to wait when the server does", () => {
    expect(failure(429, hub(), { "retry-after": "30" }).message).toContain("it asks to wait 30 s");
  });
});

describe("describeCause", () => {
  it.each([
    ["ENOTFOUND", "no such host, or no network"],
    ["EAI_AGAIN", "the DNS lookup failed (no network, or no DNS)"],
    ["ECONNREFUSED", "it refused the connection"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "the TLS connection failed (ERR_SSL_WRONG_VERSION_NUMBER)"],
    ["EPIPE", "the connection failed (EPIPE)"],
  ])("explains %s", (code, words) => {
    const cause = Object.assign(new Error(code), { code });
    expect(describeCause(new TypeError("fetch failed", { cause }))).toBe(words);
  });
});
