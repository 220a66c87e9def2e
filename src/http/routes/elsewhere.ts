import type { Context } from "hono";
import type { HttpEnv } from "../context.ts";
import { OLLAMA_ERRORS } from "../error-form.ts";
import { sendRefusal, unknownUrl } from "./unknown.ts";

const OLLAMA_PATH = /^\/api(\/|$)/;

/** Has an Ollama client told of failures in its own form, which it shows to its user. */
export function speakOllama(c: Context<HttpEnv>): void {
  if (OLLAMA_PATH.test(c.req.path)) c.set("errorForm", OLLAMA_ERRORS);
}

/** Answers what is at none of the API's paths: the root, an Ollama client, and whoever took a wrong turn. */
export function elsewhere(c: Context<HttpEnv>): Response {
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  if (c.req.path === "/" && isRead) return c.json({ status: "ok", name: "Sluice", api: "/v1", docs: "/docs" });
  return OLLAMA_PATH.test(c.req.path) ? notOllama(c) : unknownUrl(c);
}

function notOllama(c: Context<HttpEnv>): Response {
  const { origin } = new URL(c.req.url);
  return sendRefusal(
    c,
    404,
    `This is Sluice, which does not speak Ollama's API. Choose an OpenAI-compatible provider with the base URL ${origin}/v1 in its place.`,
    "unknown_url",
    {},
  );
}
