import type { Context } from "hono";
import type { HttpEnv } from "../context.ts";
import { sendFailure } from "../errors.ts";

const MAX_QUOTED_LENGTH = 256;

const OLLAMA_PATH = /^\/api(\/|$)/;
const OLLAMA_WORDS =
  "Sluice can run, list, show, pull and delete models with Ollama's API (docs/api.md), but not create, copy or push them. " +
  "For a model with its own prompt, use a preset.";

/** Answers an unknown URL, and names the known ones. */
export function unknownUrl(c: Context<HttpEnv>): Response {
  // As the client sent it.
  const url = `${c.req.method} ${new URL(c.req.url).pathname.slice(0, MAX_QUOTED_LENGTH)}`;
  if (OLLAMA_PATH.test(c.req.path))
    return sendRefusal(c, 404, `Unknown request URL: ${url}. ${OLLAMA_WORDS}`, "unknown_url", {});
  return sendRefusal(
    c,
    404,
    `Unknown request URL: ${url}. Check the URL for typos. Known are POST /v1/chat/completions, POST /v1/completions, ` +
      "POST /v1/responses, POST /v1/messages, POST /v1/embeddings, POST /v1/rerank, GET /v1/models, and others that docs/api.md lists. " +
      "A client's base URL ends in /v1 (Anthropic's clients add it themselves).",
    "unknown_url",
    {},
  );
}

/** Answers a URL that doesn't accept this method. */
export function wrongMethod(c: Context<HttpEnv>, allowed: readonly string[]): Response {
  const methods = allowed.join(", ");
  const message = `Only ${methods} requests are accepted at this URL.`;
  return sendRefusal(c, 405, message, "method_not_supported", { allow: methods });
}

/** Answers with an error in the form of the request's protocol. */
export function sendRefusal(
  c: Context<HttpEnv>,
  status: number,
  message: string,
  code: string,
  headers: Readonly<Record<string, string>>,
): Response {
  const error = { message, type: "invalid_request_error", param: null, code };
  return sendFailure(c, { status, error, headers, unexpected: false });
}
