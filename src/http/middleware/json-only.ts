import type { MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";

/**
 * Takes `application/json` and nothing else, with a 415 for the rest. This also keeps web pages out that CORS doesn't let in: without
 * asking first, a page can send other content types only.
 */
export function jsonOnly(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const mediaType = c.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (mediaType !== "application/json") {
      throw new HttpError(
        415,
        "Unsupported content type: this API takes JSON only. Send the header 'content-type: application/json'.",
        "unsupported_content_type",
      );
    }
    const encoding = c.req.header("content-encoding")?.trim().toLowerCase();
    if (encoding !== undefined && encoding !== "identity") {
      throw new HttpError(
        415,
        "Unsupported content encoding: send the request's body uncompressed.",
        "unsupported_content_encoding",
      );
    }
    await next();
  };
}
