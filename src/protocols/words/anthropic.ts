import { FIELD, hint, refused, replaced, type Word, words } from "./word.ts";

const BETA = "it says which version of the API the client knows";
const ACCOUNT = "there are no accounts of Anthropic's here";

/** What Anthropic's own clients send, as the types of `@anthropic-ai/sdk` have it, beyond the fields that work as they do there. */
export const ANTHROPIC: readonly Word[] = [
  ...words("Anthropic", "betas", hint(BETA), ["messages"]),
  ...words("Anthropic", "cache_control", hint("the prefixes of all prompts are kept"), ["messages"]),
  ...words("Anthropic", "context_management compaction", hint("the server leaves the context to the client"), [
    "messages",
  ]),
  ...words("Anthropic", "speed", hint("there is one speed"), ["messages"]),
  ...words("Anthropic", "diagnostics", hint("there is nothing to tell"), ["messages"]),
  ...words("Anthropic", "user_profile_id workspace_id billing_policy fallback_credit_token", hint(ACCOUNT), [
    "messages",
  ]),
  ...words("Anthropic", "fallbacks", hint("the model that is named answers"), ["messages"]),
  ...words("Anthropic", "metadata", hint("it says whose request it is"), ["messages"]),
  ...words("Anthropic", "output_format", FIELD, ["messages"]),
  // Offers of tools that run elsewhere: they are left out, and `sluice-tools-dropped` names them.
  ...words("Anthropic", "container", hint("there are no containers to run code in"), ["messages"]),
  ...words("Anthropic", "mcp_servers", hint("tools are called by the client only"), ["messages"]),
  ...words("Anthropic", "thread", replaced("send the whole conversation in 'messages'"), ["messages"]),
  ...words("Anthropic", "inference_geo", refused("the model runs where this server runs", "global"), ["messages"]),
];
