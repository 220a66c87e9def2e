import type { Context } from "hono";
import type { HttpEnv } from "../context.ts";
import type { Pages } from "../pages.ts";
import { unknownUrl } from "./unknown.ts";

/** Answers requests outside the API's paths: for pages, and for the root. */
export async function elsewhere(c: Context<HttpEnv>, pages: Pages | undefined): Promise<Response> {
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  if (!isRead) return unknownUrl(c);
  if (c.req.path === "/") return c.json({ status: "ok", name: "Sluice", api: "/v1", docs: "/docs" });
  return (await pages?.answer(c)) ?? unknownUrl(c);
}
