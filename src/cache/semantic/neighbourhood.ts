import type { GenerationRequest } from "../../generation/request.ts";
import { keyOf } from "../key.ts";

/** No text has it: it is no character. */
const PLACE = "\uffff";

/**
 * What a request shares with its neighbours: the key of all of it but `text`, which its last message has. Undefined where it is none that
 * has neighbours.
 */
export function neighbourhoodOf(request: GenerationRequest, identity: string, text: string): string | undefined {
  const { prompt } = request;
  const last = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  if (prompt.type !== "chat" || last?.role !== "user" || !last.content.includes(text)) return undefined;
  const messages = prompt.messages.with(-1, { ...last, content: last.content.replaceAll(text, PLACE) });
  return keyOf({ ...request, prompt: { ...prompt, messages } }, identity);
}
