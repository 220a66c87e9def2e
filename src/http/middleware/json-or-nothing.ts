import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";
import { jsonOnly } from "./json-only.ts";

/**
 * As `jsonOnly`, and lets a request without a body pass: the official clients send none where every field is optional. A web page can
 * send that without asking first, and then names its origin, so pages are held to the content type.
 */
export function jsonOrNothing(): MiddlewareHandler<HttpEnv> {
  const strict = jsonOnly();
  return (c, next) => {
    const isEmpty = c.req.header("transfer-encoding") === undefined && (c.req.header("content-length") ?? "0") === "0";
    const isBare = isEmpty && c.req.header("content-type") === undefined && c.req.header("origin") === undefined;
    return isBare ? next() : strict(c, next);
  };
}
