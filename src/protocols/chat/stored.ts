import { z } from "zod";
import { readOwnJson } from "../../json/parse.ts";
import { type Metadata, metadata } from "../metadata.ts";

/** The pairs of a URL's query that ask for metadata, such as `metadata[topic]=sea`. */
export function decodeMetadataFilter(query: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(query).flatMap(([key, value]) => {
      const name = /^metadata\[(.+)\]$/.exec(key)?.[1];
      return name === undefined ? [] : [[name, value] as const];
    }),
  );
}

type KeptChat = {
  readonly id: string;
  /** As JSON. */
  readonly body: string;
  /** As JSON. */
  readonly metadata: string;
};

const completion = z.looseObject({ id: z.string() });
const keptMessages = z.array(z.looseObject({ role: z.string() }));

/** The `chat.completion` that was kept, with its metadata as they are now. */
export function encodeKeptChat({ body, metadata: pairs }: KeptChat) {
  return { ...completion.parse(JSON.parse(body)), metadata: parsePairs(pairs) };
}

/**
 * The messages that a kept completion answered, each with an id made of its place. Parts of a message are in `content_parts`, as OpenAI
 * has it, and then `content` is null.
 */
export function encodeKeptMessages(id: string, messages: string) {
  return keptMessages.parse(readOwnJson(messages)).map((message, index) => {
    const hasParts = Array.isArray(message.content);
    return {
      ...message,
      id: `${id}-${index}`,
      content: hasParts ? null : (message.content ?? null),
      content_parts: hasParts ? message.content : null,
    };
  });
}

function parsePairs(json: string): Metadata {
  return metadata.parse(JSON.parse(json));
}
