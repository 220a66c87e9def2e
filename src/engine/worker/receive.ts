import { readOwnJson } from "../../json/parse.ts";
import type { HostMessage } from "../messages.ts";

/** A message of the host's, which comes as JSON. */
export function parseHostMessage(text: unknown): HostMessage {
  // The host is this program's other half: its types are trusted.
  return readOwnJson(String(text)) as HostMessage;
}
