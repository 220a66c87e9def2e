import { isJsonObject } from "../json/exact-number.ts";

/** Sluice's own header for the conversation that a request belongs to. */
export const SESSION_HEADER = "sluice-session";

/** The headers by which clients name a session, first Sluice's own, then those of coding agents and of clusters. */
const SESSION_HEADERS = [
  SESSION_HEADER,
  ...["x-session-id", "x-claude-code-session-id", "session-id", "session_id", "x-dynamo-session-id"],
];

const MAX_LENGTH = 512;

/**
 * What the client calls the conversation: the first of the known headers, else its conversation, its key for the prompt cache, or its user. The
 * id of the previous response is none of these, because it changes with each turn. Undefined where it calls it nothing.
 */
export function sessionNamed(header: (name: string) => string | undefined, body: unknown): string | undefined {
  const { conversation, prompt_cache_key, safety_identifier, metadata, user } = isJsonObject(body) ? body : {};
  const names: readonly unknown[] = [
    ...SESSION_HEADERS.map(header),
    isJsonObject(conversation) ? conversation.id : conversation,
    ...[prompt_cache_key, safety_identifier],
    isJsonObject(metadata) ? metadata.user_id : undefined,
    user,
  ];
  return names.find((name): name is string => typeof name === "string" && name !== "" && name.length <= MAX_LENGTH);
}
