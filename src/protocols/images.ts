import type { Image, Message, MessagePart } from "../generation/request.ts";
import { isJsonObject } from "../json/exact-number.ts";

/** Longer addresses are no addresses. */
const MAX_URL_LENGTH = 8_192;
const MAX_DETAIL_LENGTH = 32;

const DATA_URL = /^data:image\/[a-z0-9.+-]{1,64};base64,/i;

/** How the base64 of each kind of image begins: of its signature. */
const SIGNATURES: readonly (readonly [beginning: string, type: string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
];

/** The longest beginning of base64 that may have characters which aren't, such as a line break. */
const MAX_CHECKED = 64;

/**
 * Returns the image of a part: OpenAI's `image_url` and `input_image`, or Anthropic's `image`. Undefined for other parts, and for files that only
 * the server they were sent to has.
 */
export function readImage(kind: string, fields: Readonly<Record<string, unknown>>): Image | undefined {
  const url = kind === "image" ? sourceUrl(fields.source) : openAiUrl(kind, fields);
  if (url === undefined || !isAddress(url)) return undefined;
  const { detail = fields.detail } = isJsonObject(fields.image_url) ? fields.image_url : {};
  const isDetail = typeof detail === "string" && detail.length <= MAX_DETAIL_LENGTH;
  return { url, ...(isDetail && detail !== "auto" && { detail }) };
}

/** The same in base64 alone, as Ollama's clients send it, or as a `data` URL. */
export function readBareImage(text: string): Image | undefined {
  if (DATA_URL.test(text.slice(0, MAX_URL_LENGTH))) return { url: text };
  const type = SIGNATURES.find(([beginning]) => text.startsWith(beginning))?.[1];
  const isBase64 = /^[\w+/=\s-]*$/.test(text.slice(0, MAX_CHECKED));
  return type !== undefined && isBase64 ? { url: `data:${type};base64,${text}` } : undefined;
}

function openAiUrl(kind: string, { image_url: told }: Readonly<Record<string, unknown>>): string | undefined {
  if (kind !== "image_url" && kind !== "input_image") return undefined;
  const url = isJsonObject(told) ? told.url : told;
  return typeof url === "string" ? url : undefined;
}

function sourceUrl(source: unknown): string | undefined {
  if (!isJsonObject(source)) return undefined;
  const { type, media_type, data, url } = source;
  if (type === "base64" && typeof media_type === "string" && typeof data === "string")
    return `data:${media_type};base64,${data}`;
  return type === "url" && typeof url === "string" ? url : undefined;
}

function isAddress(url: string): boolean {
  if (DATA_URL.test(url.slice(0, MAX_URL_LENGTH))) return true;
  return url.length <= MAX_URL_LENGTH && /^https?:\/\//i.test(url) && URL.canParse(url);
}

/** The text of a part, and its image if it has one. */
export type Said = { readonly text: string; readonly image?: Image | undefined };

/** A message's content from its parts: the texts, joined by line breaks, and the parts with their images, if there are any. */
export function joinSaid(said: readonly Said[]): { readonly content: string; readonly parts?: readonly MessagePart[] } {
  const content = said.map(({ text }) => text).join("\n");
  if (said.every(({ image }) => image === undefined)) return { content };
  const parts = said.flatMap(({ text, image }): MessagePart[] => {
    if (image !== undefined) return [{ type: "image", image }];
    return text === "" ? [] : [{ type: "text", text: text.toWellFormed() }];
  });
  return { content, parts };
}

/** The parts of messages that are joined to one. */
export function joinParts(messages: readonly Message[]): readonly MessagePart[] | undefined {
  if (messages.every(({ parts }) => parts === undefined)) return undefined;
  return messages.flatMap(
    ({ content, parts }): readonly MessagePart[] => parts ?? (content === "" ? [] : [{ type: "text", text: content }]),
  );
}
