import { describe, expect, it } from "vitest";
import { MESSAGES, refusal } from "./support.ts";

/** Values that are known to OpenAI's API and that can't be honoured here. */
const UNSUPPORTED: readonly [string, unknown][] = [
  ["tools", [{ type: "function", function: { name: "f" } }]],
  ["tool_choice", "required"],
  ["tool_choice", { type: "function", function: { name: "f" } }],
  ["functions", [{ name: "f" }]],
  ["function_call", { name: "f" }],
  ["response_format", { type: "json_object" }],
  ["response_format", "text"],
  ["logprobs", true],
  ["top_logprobs", 3],
  ["audio", { voice: "alloy", format: "wav" }],
  ["modalities", ["text", "audio"]],
  ["prediction", { type: "content", content: "x" }],
  ["web_search_options", {}],
  ["moderation", { model: "omni-moderation-latest" }],
  ["service_tier", "flex"],
  ["reasoning_effort", "high"],
  ["verbosity", "low"],
  ["prompt_cache_retention", "24h"],
  ["prompt_cache_options", { mode: "explicit" }],
];

describe("a chat request for what isn't there", () => {
  it.each(UNSUPPORTED)("is refused when %s is %j, rather than doing without it", (param, value) => {
    const error = refusal({ model: "one", messages: MESSAGES, [param]: value });
    expect(error).toMatchObject({ param, code: "unsupported_parameter" });
    expect(error.message).toContain(`'${param}'`);
  });
});
