import { type Route, refused, replaced, type Word, words } from "./word.ts";

/** Fields of other routes. `own` replaces them on this route. */
function instead(routes: readonly Route[], names: string, own: string, ...neutral: readonly unknown[]) {
  return words("another route", names, replaced(`use ${own}`, ...neutral), routes);
}

const NO_TOOLS = "tools are for /v1/chat/completions, /v1/responses and /v1/messages";
const NOT_HERE = "it is for /v1/responses";
const GO_ON = "end 'messages' with an 'assistant' message, and the answer continues it";

/** Fields of Sluice's own routes, on routes that don't have them. */
export const OTHER_ROUTES: readonly Word[] = [
  ...instead(["chat"], "input", "'messages'"),
  ...instead(["chat"], "instructions system", "a 'system' message in 'messages'", ""),
  ...instead(["chat"], "prompt", "'messages', or send the prompt to /v1/completions", ""),
  ...instead(["chat"], "max_output_tokens", "'max_completion_tokens'"),
  ...instead(["chat", "completions", "responses"], "stop_sequences", "'stop'"),
  ...instead(["chat"], "text output_config output_format", "'response_format'", {}, { format: { type: "text" } }),
  ...instead(["chat"], "suffix", "/v1/completions for it", ""),

  ...instead(["completions"], "messages", "'prompt', or send the messages to /v1/chat/completions"),
  ...instead(["completions"], "input instructions system", "'prompt'", ""),
  ...instead(["completions"], "max_completion_tokens max_output_tokens", "'max_tokens'"),
  ...instead(["completions"], "top_logprobs", "'logprobs', as a number", 0),
  ...instead(["completions"], "text output_config output_format", "'response_format'", {}),
  ...words("another route", "tools functions", refused(NO_TOOLS), ["completions"]),
  ...words("another route", "tool_choice function_call", refused(NO_TOOLS, "none", "auto"), ["completions"]),
  ...words("another route", "reasoning_effort", refused("prompts have no template", "none"), ["completions"]),
  ...words(
    "another route",
    "reasoning thinking enable_thinking think",
    refused("prompts have no template", {}, false),
    ["completions"],
  ),
  ...words("another route", "chat_template_kwargs", refused("prompts have no template", {}), ["completions"]),
  ...words(
    "another route",
    "continue_final_message add_generation_prompt",
    refused("prompts have no template", false),
    ["completions"],
  ),

  ...words("another route", "previous_response_id conversation", refused(NOT_HERE), [
    "chat",
    "completions",
    "messages",
  ]),
  ...words("another route", "background", refused(NOT_HERE, false), ["chat", "completions", "messages"]),
  ...words("another route", "truncation", refused(NOT_HERE, "disabled"), ["chat", "completions", "messages"]),

  ...instead(["responses"], "messages", "'input'"),
  ...instead(["responses"], "system", "'instructions'", ""),
  ...instead(["responses"], "max_tokens max_completion_tokens", "'max_output_tokens'"),
  ...instead(["responses"], "response_format output_config output_format", "'text.format'"),
  ...instead(["responses"], "reasoning_effort", "'reasoning.effort'"),
  ...instead(["responses"], "thinking think", "'reasoning.effort'"),
  ...instead(["responses"], "logprobs", "'top_logprobs'", false),
  ...instead(["responses"], "functions", "'tools'"),
  ...instead(["responses"], "function_call", "'tool_choice'", "none", "auto"),
  ...instead(["responses"], "suffix", "/v1/completions for it", ""),
  ...words("another route", "n", refused("there is only one answer", 1), ["responses", "messages"]),
  ...instead(["responses", "messages"], "echo", "/v1/completions for it", false),
  ...words(
    "another route",
    "continue_final_message add_generation_prompt",
    refused("it is for /v1/chat/completions", false),
    ["responses"],
  ),

  ...instead(["messages"], "stop", "'stop_sequences'", ""),
  ...instead(["messages"], "max_completion_tokens max_output_tokens", "'max_tokens'"),
  ...instead(["messages"], "response_format text", "'output_config.format'", {}, { type: "text" }),
  ...instead(["messages"], "reasoning_effort reasoning", "'output_config.effort'", {}),
  ...instead(["messages"], "enable_thinking think", "'thinking'"),
  ...instead(["messages"], "input prompt", "'messages'", ""),
  ...instead(["messages"], "instructions", "'system'", ""),
  ...instead(["messages"], "functions", "'tools'"),
  ...instead(["messages"], "function_call", "'tool_choice'", "none", "auto"),
  ...instead(["messages"], "suffix", "/v1/completions for it", ""),
  ...instead(["messages"], "top_logprobs", "/v1/chat/completions or /v1/responses for it", 0),
  ...words("another route", "continue_final_message", replaced(GO_ON, false), ["messages"]),
  ...words("another route", "add_generation_prompt", replaced(GO_ON, true), ["messages"]),
];
