import { hint, refused, type Word, words } from "./word.ts";

const PREFIXES = "the prefixes of all prompts are cached";
const WHOSE = "it names the end user";
const IN_FULL = "reasoning is shown in full";

/** Fields of OpenAI's own clients, from the types of `openai`, that don't work as they do there. */
export const OPENAI: readonly Word[] = [
  ...words("OpenAI", "user safety_identifier", hint(WHOSE)),
  ...words("OpenAI", "prompt_cache_key prompt_cache_retention prompt_cache_options", hint(PREFIXES)),
  ...words("OpenAI", "verbosity", hint("open models have no such setting")),
  ...words("OpenAI", "text.verbosity", hint("open models have no such setting"), ["responses"]),
  ...words("OpenAI", "prediction", hint("predictions are not used"), ["chat", "completions", "responses"]),
  ...words("OpenAI", "stream_options.include_obfuscation", hint("streams are not padded"), [
    "chat",
    "completions",
    "responses",
  ]),
  ...words("OpenAI", "reasoning.summary reasoning.generate_summary", hint(IN_FULL), ["responses"]),
  ...words("OpenAI", "reasoning.context", hint("the model's template decides which reasoning the model sees"), [
    "responses",
  ]),
  ...words("OpenAI", "reasoning.mode", hint("there is one mode"), ["responses"]),
  ...words("OpenAI", "max_tool_calls", hint("it limits tools that run on the server, and there are none"), [
    "chat",
    "responses",
  ]),
  ...words("OpenAI", "context_management", hint("the client manages the context"), ["responses"]),
  ...words("OpenAI", "client_metadata", hint("it only describes the client"), ["responses"]),
  ...words("OpenAI", "modalities", refused('only ["text"] is available', ["text"])),
  ...words("OpenAI", "audio", refused("audio output is not available")),
  ...words("OpenAI", "web_search_options", refused("web search is not available")),
  ...words("OpenAI", "moderation", refused("moderation is not available")),
];
