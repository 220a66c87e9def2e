import { hint, refused, type Word, words } from "./word.ts";

const PREFIXES = "the prefixes of all prompts are kept";
const WHOSE = "it says whose request it is, in the client's words";
const IN_FULL = "reasoning is given in full";

/** What OpenAI's own clients send, as the types of `openai` have it, beyond the fields that work as they do there. */
export const OPENAI: readonly Word[] = [
  ...words("OpenAI", "user safety_identifier", hint(WHOSE)),
  ...words("OpenAI", "prompt_cache_key prompt_cache_retention prompt_cache_options", hint(PREFIXES)),
  ...words("OpenAI", "verbosity", hint("open models have no word for it")),
  ...words("OpenAI", "text.verbosity", hint("open models have no word for it"), ["responses"]),
  ...words("OpenAI", "prediction", hint("nothing is asked of the answer"), ["chat", "completions", "responses"]),
  ...words("OpenAI", "stream_options.include_obfuscation", hint("streams are not padded"), [
    "chat",
    "completions",
    "responses",
  ]),
  ...words("OpenAI", "reasoning.summary reasoning.generate_summary", hint(IN_FULL), ["responses"]),
  ...words("OpenAI", "reasoning.context", hint("the model's template decides which reasoning it reads"), ["responses"]),
  ...words("OpenAI", "reasoning.mode", hint("there is one mode"), ["responses"]),
  ...words("OpenAI", "max_tool_calls", hint("it bounds tools that run on the server, of which there are none"), [
    "chat",
    "responses",
  ]),
  ...words("OpenAI", "context_management", hint("the server leaves the context to the client"), ["responses"]),
  ...words("OpenAI", "client_metadata", hint("it tells the server about the client"), ["responses"]),
  ...words("OpenAI", "modalities", refused('only ["text"] is available', ["text"])),
  ...words("OpenAI", "audio", refused("audio output is not available")),
  ...words("OpenAI", "web_search_options", refused("web search is not available")),
  ...words("OpenAI", "moderation", refused("moderation is not available")),
];
