import { afterEach, expect } from "vitest";
import { type BodyCheck, checkBody, describedAs } from "../fixtures/descriptions.ts";

/**
 * Validates every answer of a gateway, and every event of its streams, against the published descriptions, whichever client a test uses: all of
 * them use `fetch`. A test fails with the faults in any of its answers.
 */

const OURS =
  /^\/(v1\/|rerank$|health$|ready$|tokenize$|detokenize$|apply-template$|apply-preset$|completion$|infill$|embedding$|reranking$|props$|slots$|lora-adapters$|openapi\.json$|docs$)/;

const problems: string[] = [];
const ask = globalThis.fetch;

globalThis.fetch = async function fetchAndCheck(input, init) {
  const response = await ask(input, init);
  const url = new URL(input instanceof Request ? input.url : input);
  if (url.hostname !== "127.0.0.1" || !OURS.test(url.pathname)) return response;

  const sent = input instanceof Request ? input : undefined;
  const method = (init?.method ?? sent?.method ?? "GET").toUpperCase();
  const headers = new Headers(init?.headers ?? sent?.headers);
  const head = {
    method,
    path: decoded(url.pathname),
    status: response.status,
    type: response.headers.get("content-type")?.split(";")[0] ?? "",
    isAnthropic: url.pathname.startsWith("/v1/messages") || headers.has("anthropic-version"),
  };
  let check: BodyCheck;
  try {
    const schema = describedAs(head);
    if (schema === undefined || response.body === null || method === "HEAD") return response;
    check = checkBody(head, schema);
  } catch (error) {
    problems.push(`${head.method} ${head.path} (${head.status}): ${String(error)}`);
    return response;
  }
  const decoder = new TextDecoder();
  const body = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(bytes, controller) {
        problems.push(...check.take(decoder.decode(bytes, { stream: true })));
        controller.enqueue(bytes);
      },
      flush: () => void problems.push(...check.end()),
    }),
  );
  const { status, statusText, headers: received } = response;
  return Object.defineProperty(new Response(body, { status, statusText, headers: received }), "url", {
    value: response.url,
  });
};

/** Unchanged if its escapes are not UTF-8. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

afterEach(() => {
  expect(problems.splice(0), "what the published descriptions don't have").toEqual([]);
});
