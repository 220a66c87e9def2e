import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** What a client or a proxy may send anew with each try, and what no answer depends on. All other headers count, known or not. */
const UNREAD: ReadonlySet<string> = new Set([
  "content-length",
  "x-client-request-id",
  "x-request-id",
  "x-stainless-retry-count",
  "idempotency-key",
  ...["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "sentry-trace"],
  ...["x-amzn-trace-id", "x-cloud-trace-context", "x-datadog-trace-id", "x-datadog-parent-id", "x-correlation-id"],
  "cf-ray",
  "date",
]);

/** Where what is hashed is put together: new memory for each would be garbage. */
const scratch = Buffer.allocUnsafeSlow(8 * 1024);

/**
 * The SHA-256 of all that the answer to a request depends on besides the state of the gateway: its path, its headers with the secret, the address
 * at which it came in, and its body.
 */
export function digestOf(incoming: IncomingMessage, body: Buffer): string {
  const { rawHeaders, httpVersion, url = "", socket } = incoming;
  let head = "";
  let lines = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? "";
    if (UNREAD.has(name)) continue;
    head += `${name}\n${rawHeaders[index + 1]}\n`;
    lines += 1;
  }
  // No line has a line break, and their number says where the body begins. Headers are latin1, as Node reads them.
  const text = `${httpVersion}\n${url}\n${socket.localAddress}\n${lines}\n${head}`;
  const needed = text.length + body.length;
  if (needed > scratch.length) return hash("sha256", Buffer.concat([Buffer.from(text, "latin1"), body]), "base64url");
  body.copy(scratch, scratch.write(text, "latin1"));
  return hash("sha256", scratch.subarray(0, needed), "base64url");
}
