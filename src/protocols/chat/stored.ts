import { z } from "zod";
import { readOwnJson } from "../../json/parse.ts";
import { type Metadata, metadata } from "../metadata.ts";

/** Decodes the metadata filter of a URL's query, such as `metadata[topic]=sea`. */
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

/** Encodes a stored `chat.completion` with its current metadata. */
export function encodeKeptChat({ body, metadata: pairs }: KeptChat) {
  return { ...completion.parse(JSON.parse(body)), metadata: parsePairs(pairs) };
}

/**
 * Encodes the messages of a stored completion, each with an id from its index. As in OpenAI's API, a message's parts are in
 * `content_parts`, and then `content` is null.
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
