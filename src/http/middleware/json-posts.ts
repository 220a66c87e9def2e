import type { Context } from "hono";
import type { HttpEnv } from "../context.ts";
import { mayBeFromStrangePage } from "../cross-site.ts";
import { HttpError } from "../errors.ts";

/** What curl and others put on a body whose type nobody named, and what stands on none. */
const UNNAMED: ReadonlySet<string> = new Set(["", "application/x-www-form-urlencoded"]);

/**
 * Of a POST, takes `application/json`, and a body whose type nobody named, or none, where no strange page can have had a
 * browser send that. Others get a 415. So web pages that CORS doesn't let in change nothing here: without asking first they can send other
 * content types only.
 *
 * @param origins whose pages are let in
 * @param hasBody whether the route reads a body; else there is nothing whose type could be left out
 */
export function assertJson(c: Context<HttpEnv>, origins: readonly string[], hasBody: boolean): void {
  const header = (name: string) => c.req.header(name);
  const mediaType = header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const host = header("host") ?? new URL(c.req.url).host;
  const isUnnamed = hasBody ? UNNAMED.has(mediaType) : mediaType === "";
  const isTaken = mediaType === "application/json" || (isUnnamed && !mayBeFromStrangePage({ header, host }, origins));
  if (!isTaken) {
    throw new HttpError(
      415,
      "Unsupported content type: this API takes JSON only. Send the header 'content-type: application/json'.",
      "unsupported_content_type",
    );
  }
  assertPlain(header("content-encoding"));
}

/** The types of lines of JSON, and of one line. */
const LINES: ReadonlySet<string> = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/json",
]);

/** Of a POST, takes lines of JSON; else as `assertJson`. */
export function assertLines(c: Context<HttpEnv>, origins: readonly string[]): void {
  const header = (name: string) => c.req.header(name);
  const mediaType = header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const host = header("host") ?? new URL(c.req.url).host;
  const isTaken = LINES.has(mediaType) || (UNNAMED.has(mediaType) && !mayBeFromStrangePage({ header, host }, origins));
  if (!isTaken) {
    throw new HttpError(
      415,
      "Unsupported content type: send lines of JSON, with 'content-type: application/x-ndjson'.",
      "unsupported_content_type",
    );
  }
  assertPlain(header("content-encoding"));
}

/**
 * Of a POST, takes a form, unless a strange page can have had a browser send it: browsers send forms without asking first.
 *
 * @param origins whose pages are let in
 */
export function assertForm(c: Context<HttpEnv>, origins: readonly string[]): void {
  const header = (name: string) => c.req.header(name);
  const host = header("host") ?? new URL(c.req.url).host;
  const isForm = /^multipart\/form-data\s*;/i.test(header("content-type") ?? "");
  if (!isForm || mayBeFromStrangePage({ header, host }, origins)) {
    throw new HttpError(
      415,
      isForm
        ? "A web page of another origin may have sent this form. Its origin must be allowed with --cors-origins."
        : "Unsupported content type: send the file as a form, with 'content-type: multipart/form-data' and its boundary.",
      "unsupported_content_type",
    );
  }
  assertPlain(header("content-encoding"));
}

function assertPlain(header: string | undefined): void {
  const encoding = header?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== "identity") {
    throw new HttpError(
      415,
      "Unsupported content encoding: send the request's body uncompressed.",
      "unsupported_content_encoding",
    );
  }
}
