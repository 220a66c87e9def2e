import { describe, expect, it } from "vitest";
import { MESSAGES, refusal } from "./support.ts";

/** Values of OpenAI's API that are not supported here. */
const UNSUPPORTED: readonly [string, unknown][] = [
  ["audio", { voice: "alloy", format: "wav" }],
  ["modalities", ["text", "audio"]],
  ["web_search_options", {}],
  ["moderation", { model: "omni-moderation-latest" }],
];

describe("a chat request for something unsupported", () => {
  it.each(UNSUPPORTED)("is refused if %s is %j, instead of ignoring the field", (param, value) => {
    const error = refusal({ model: "one", messages: MESSAGES, [param]: value });
    expect(error).toMatchObject({ param, code: "unsupported_parameter" });
    expect(error.message).toContain(`'${param}'`);
  });
});
