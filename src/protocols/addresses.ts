import { isJsonObject } from "../json/exact-number.ts";
import { InvalidRequestError } from "./errors.ts";

/** What a server may be asked to open. Others name files and services of its own, or are programs. */
const ADDRESS = /^(?:https?:\/\/|data:)/i;

/**
 * Throws an `InvalidRequestError` if a part of this content, or of a tool's result in it, has the address of an image or a file that is neither
 * `http`, `https` nor `data`. In OpenAI's API these are `image_url`, `video_url` and the like, in Anthropic's a `source`.
 *
 * @param param where the content is in the body
 */
export function assertAddresses(content: unknown, param: string): void {
  if (!Array.isArray(content)) return;
  for (const [index, part] of content.entries()) {
    if (!isJsonObject(part)) continue;
    const place = `${param}[${index}]`;
    for (const name in part) {
      if (name === "content") assertAddresses(part.content, `${place}.content`);
      else if (name === "source" || name === "url" || name.endsWith("_url"))
        assertAddress(part[name], `${place}.${name}`);
    }
  }
}

function assertAddress(told: unknown, place: string): void {
  const isNested = isJsonObject(told);
  const url = isNested ? told.url : told;
  if (typeof url !== "string" || ADDRESS.test(url)) return;
  const param = isNested ? `${place}.url` : place;
  throw new InvalidRequestError(
    `Invalid '${param}': addresses must begin with 'https://', 'http://' or 'data:'.`,
    param,
    "invalid_value",
  );
}
