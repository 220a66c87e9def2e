import { hash } from "node:crypto";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";

/** So much of the first turn tells a conversation from others. */
const MAX_TEXT = 4_096;

/**
 * The session that a request belongs to, as upstreams are told: of what the client called it, else of how the conversation begins. A hash, which
 * differs between tenants and gives away neither a name nor a key.
 */
export function sessionOf({ terms = OWN_TERMS, model, prompt, tools }: GenerationRequest): string {
  const parts =
    terms.session === undefined ? ["beginning", model, beginningOf(prompt), namesOf(tools)] : ["named", terms.session];
  return hash("sha256", JSON.stringify([terms.tenant, ...parts]), "base64url").slice(0, 32);
}

function beginningOf(prompt: GenerationRequest["prompt"]): unknown {
  switch (prompt.type) {
    case "chat": {
      const first = prompt.messages.findIndex(({ role }) => role === "user");
      return prompt.messages.slice(0, first + 1).map(({ role, content }) => [role, content.slice(0, MAX_TEXT)]);
    }
    case "text":
      return prompt.text.slice(0, MAX_TEXT);
    case "tokens":
      return prompt.tokens.slice(0, MAX_TEXT);
    case "infill":
      return prompt.prefix.slice(0, MAX_TEXT);
  }
}

function namesOf(tools: GenerationRequest["tools"]): readonly string[] {
  return tools?.tools.map(({ name }) => name) ?? [];
}
