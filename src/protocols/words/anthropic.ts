import { FIELD, hint, refused, replaced, type Word, words } from "./word.ts";

const BETA = "it says which version of the API the client knows";
const ACCOUNT = "there are no Anthropic accounts here";

/** Fields of Anthropic's own clients, from the types of `@anthropic-ai/sdk`, that don't work as they do there. */
export const ANTHROPIC: readonly Word[] = [
  ...words("Anthropic", "betas", hint(BETA), ["messages"]),
  ...words("Anthropic", "cache_control", hint("the prefixes of all prompts are cached"), ["messages"]),
  ...words("Anthropic", "context_management compaction", hint("the client manages the context"), ["messages"]),
  ...words("Anthropic", "speed", hint("there is one speed"), ["messages"]),
  ...words("Anthropic", "diagnostics", hint("there is nothing to report"), ["messages"]),
  ...words("Anthropic", "user_profile_id workspace_id billing_policy fallback_credit_token", hint(ACCOUNT), [
    "messages",
  ]),
  ...words("Anthropic", "fallbacks", hint("the model that is named answers"), ["messages"]),
  ...words("Anthropic", "metadata", hint("it names the end user"), ["messages"]),
  ...words("Anthropic", "output_format", FIELD, ["messages"]),
  // Tools that run elsewhere are dropped and named in `sluice-tools-dropped`.
  ...words("Anthropic", "container", hint("there are no containers to run code in"), ["messages"]),
  ...words("Anthropic", "mcp_servers", hint("tools are called by the client only"), ["messages"]),
  ...words("Anthropic", "thread", replaced("send the whole conversation in 'messages'"), ["messages"]),
  ...words("Anthropic", "inference_geo", refused("the model runs where this server runs", "global"), ["messages"]),
];
