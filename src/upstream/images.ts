import { UnsupportedFieldError } from "../generation/errors.ts";
import { type Image, imagesOf, type Message } from "../generation/request.ts";

/** An image in base64, such as `data:image/png;base64,iVBORw0`. */
const DATA_URL = /^data:([^;,]{1,80});base64,/i;

/** A message's content in OpenAI's form: its text, or its parts if it has images. */
export function openAiContent({ content, parts }: Message): string | readonly object[] {
  if (parts === undefined) return content;
  return parts.map((part) => (part.type === "text" ? { type: "text", text: part.text } : openAiImage(part.image)));
}

/** A user's message with the images of the results of calls, which in OpenAI's API are texts; undefined if they have none. */
export function openAiImagesOf(results: readonly Message[]): object | undefined {
  const images = results.flatMap(imagesOf);
  if (images.length === 0) return undefined;
  return { role: "user", content: images.map(openAiImage) };
}

function openAiImage({ url, detail }: Image): object {
  return { type: "image_url", image_url: { url, ...(detail !== undefined && { detail }) } };
}

/** A message's content as Anthropic's blocks. A block of text must not be empty. */
export function anthropicContent({ content, parts }: Message): readonly object[] {
  if (parts === undefined) return content === "" ? [] : [{ type: "text", text: content }];
  return parts.map((part) => {
    if (part.type === "text") return { type: "text", text: part.text };
    const { url } = part.image;
    const read = readDataUrl(url);
    return {
      type: "image",
      source: read === undefined ? { type: "url", url } : { type: "base64", media_type: read.type, data: read.base64 },
    };
  });
}

/** A message's text and its images, in base64, as Ollama has them. Throws `UnsupportedFieldError` for one that is only an address. */
export function ollamaContent(
  message: Message,
  model: string,
): { readonly content: string; readonly images?: readonly string[] } {
  const { content, parts } = message;
  if (parts === undefined) return { content };
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const images = imagesOf(message).map(({ url }) => {
    const read = readDataUrl(url);
    if (read === undefined)
      throw new UnsupportedFieldError(model, "image_url", "with an address is not supported: send images in base64");
    return read.base64;
  });
  return { content: texts.join("\n"), images };
}

function readDataUrl(url: string): { readonly type: string; readonly base64: string } | undefined {
  const found = DATA_URL.exec(url.slice(0, 128));
  if (found === null) return undefined;
  const [start, type = ""] = found;
  return { type: type.toLowerCase(), base64: url.slice(start.length) };
}
