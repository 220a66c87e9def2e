import { readOwnJson } from "../../json/parse.ts";

/** A message of the host's, which comes as JSON. */
export function parseHostMessage<Message>(text: unknown): Message {
  // The host is this program's other half: its types are trusted.
  return readOwnJson(String(text)) as Message;
}
