import type { Context } from "hono";
import type { HttpEnv } from "../context.ts";
import { sendFailure } from "../errors.ts";

const MAX_QUOTED_LENGTH = 256;

const OLLAMA_PATH = /^\/api(\/|$)/;
const OLLAMA_WORDS =
  "Of Ollama's API there are what talks with models, lists, shows and pulls them (docs/api.md). There is no creating, copying or pushing: " +
  "models are GGUF files, and a model with words of its own is a preset.";

/** Answers a URL that nothing is at, with what there is. */
export function unknownUrl(c: Context<HttpEnv>): Response {
  // As it was sent, not as it was read.
  const url = `${c.req.method} ${new URL(c.req.url).pathname.slice(0, MAX_QUOTED_LENGTH)}`;
  if (OLLAMA_PATH.test(c.req.path))
    return sendRefusal(c, 404, `Unknown request URL: ${url}. ${OLLAMA_WORDS}`, "unknown_url", {});
  return sendRefusal(
    c,
    404,
    `Unknown request URL: ${url}. Please check the URL for typos: there are POST /v1/chat/completions, POST /v1/completions, ` +
      "POST /v1/responses, POST /v1/messages, POST /v1/embeddings, POST /v1/rerank, GET /v1/models, and others that docs/api.md lists; " +
      "a client's base URL ends in /v1 (Anthropic's clients add it themselves).",
    "unknown_url",
    {},
  );
}

/** Answers a URL that takes other methods than this one. */
export function wrongMethod(c: Context<HttpEnv>, allowed: readonly string[], hint = ""): Response {
  const methods = allowed.join(", ");
  const message = `Only ${methods} requests are accepted at this URL. ${hint}`.trimEnd();
  return sendRefusal(c, 405, message, "method_not_supported", { allow: methods });
}

/** Answers with a refusal in the form of the protocol that the request speaks. */
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
