import type { Context } from "hono";
import type { HttpEnv } from "../context.ts";
import { unknownUrl } from "./unknown.ts";

/** Answers requests outside the API's paths, such as for the root. */
export function elsewhere(c: Context<HttpEnv>): Response {
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  if (c.req.path === "/" && isRead) return c.json({ status: "ok", name: "Sluice", api: "/v1", docs: "/docs" });
  return unknownUrl(c);
}
