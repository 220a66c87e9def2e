import { describe, expect, it } from "vitest";
import { findProblems, NO_SETTINGS, stopsOf } from "../../../pages/chat/conversation/settings.ts";
import { buildBody } from "../../../pages/chat/request/body.ts";
import { answer, userMessage } from "./messages.ts";

describe("settings of a conversation", () => {
  it("have no problem when they are empty", () => {
    expect(findProblems(NO_SETTINGS)).toEqual([]);
  });

  it("name the field that is wrong, and what would be right", () => {
    const settings = {
      ...NO_SETTINGS,
      numbers: { temperature: 3, top_k: 1.5, seed: Number.NaN },
      schema: "{",
      tools: '{"type": "function"}',
      stop: Array.from({ length: 65 }, (_, index) => `stop ${index}`).join("\n"),
    };
    const problems = findProblems(settings);
    expect(problems.map(({ field }) => field)).toEqual(["temperature", "top_k", "seed", "stop", "schema", "tools"]);
    expect(problems[0]?.message).toBe("Temperature must be from 0 to 2.");
    expect(problems[1]?.message).toBe("Top k must be a whole number.");
    expect(problems.at(-1)?.message).toContain("must be a list of objects");
  });

  it("want a schema that is an object", () => {
    expect(findProblems({ ...NO_SETTINGS, schema: "[]" }).map(({ field }) => field)).toEqual(["schema"]);
    expect(findProblems({ ...NO_SETTINGS, schema: " \n " })).toEqual([]);
  });

  it("have stop texts with line breaks", () => {
    expect(stopsOf({ ...NO_SETTINGS, stop: "END\n\\n\\n\n\n" })).toEqual(["END", "\n\n"]);
  });
});

describe("the request for an answer", () => {
  it("has nothing but the model and the messages if nothing else is set", () => {
    expect(buildBody("one", [userMessage()], NO_SETTINGS)).toEqual({
      model: "one",
      messages: [{ role: "user", content: "Hello" }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("has what is set", () => {
    const settings = {
      system: "Be brief.",
      numbers: { temperature: 0, max_tokens: 9 },
      stop: "END",
      effort: "low",
      schema: '{"type": "object"}',
      tools: '[{"type": "function", "function": {"name": "look"}}]',
      hasProbabilities: true,
      variables: { "preset/translate": { language: "German" }, "preset/other": { tone: "dry" } },
    };
    expect(buildBody("preset/translate", [userMessage()], settings)).toEqual({
      model: "preset/translate",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello" },
      ],
      temperature: 0,
      max_tokens: 9,
      stop: ["END"],
      reasoning_effort: "low",
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } },
      tools: [{ type: "function", function: { name: "look" } }],
      logprobs: true,
      top_logprobs: 5,
      variables: { language: "German" },
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("has calls with their results, and reasoning", () => {
    const called = answer({ reasoning: "Hm.", calls: [{ id: "call_1", name: "look", arguments: "{}" }] });
    const result = {
      ...userMessage({ id: "r", parent: "a" }),
      role: "tool" as const,
      call: "call_1",
      content: "nothing",
    };
    expect(buildBody("one", [userMessage(), called, result], NO_SETTINGS).messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: "",
        reasoning_content: "Hm.",
        tool_calls: [{ id: "call_1", type: "function", function: { name: "look", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "call_1", content: "nothing" },
    ]);
  });

  it("continues an answer that is last", () => {
    const body = buildBody("one", [userMessage(), answer({ content: "Once upon" })], NO_SETTINGS);
    expect(body.continue_final_message).toBe(true);
    expect(body.messages.at(-1)).toEqual({ role: "assistant", content: "Once upon" });
  });
});
