import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeChatRequest } from "../../../src/protocols/chat/decode.ts";
import { InvalidRequestError } from "../../../src/protocols/errors.ts";
import { decodeMessagesRequest } from "../../../src/protocols/messages/decode.ts";
import { decodeResponsesRequest } from "../../../src/protocols/responses/decode.ts";
import { toMessages } from "../../../src/protocols/responses/to-messages.ts";
import { completed, completedWithoutPrompt } from "../support.ts";

const word = fc.constantFrom(
  "f",
  "g",
  "n",
  "function",
  "custom",
  "namespace",
  "web_search",
  "allowed_tools",
  "auto",
  "required",
  "any",
  "lark",
  "regex",
  "grammar",
  "text",
  "a b",
  "",
  "mcp.x/y",
);
const leaf = fc.oneof({ weight: 4, arbitrary: word }, fc.jsonValue({ maxDepth: 1 }));
const { tool } = fc.letrec<{ tool: unknown; format: unknown }>((tie) => ({
  format: fc.record(
    { type: word, syntax: leaf, definition: leaf, grammar: fc.record({ syntax: word, definition: leaf }) },
    { requiredKeys: [] },
  ),
  tool: fc.record(
    {
      type: word,
      name: leaf,
      description: leaf,
      parameters: fc.oneof(leaf, fc.constant({ type: "object" })),
      input_schema: fc.oneof(leaf, fc.constant({ type: "object" })),
      strict: leaf,
      function: fc.oneof(leaf, fc.record({ name: word })),
      custom: fc.record({ name: word, format: tie("format") }, { requiredKeys: ["name"] }),
      format: tie("format"),
      tools: fc.oneof({ maxDepth: 2 }, leaf, fc.array(tie("tool"), { maxLength: 3 })),
    },
    { requiredKeys: [] },
  ),
}));
const choice = fc.oneof(
  leaf,
  fc.record(
    {
      type: word,
      name: leaf,
      mode: word,
      namespace: word,
      tools: fc.array(tool, { maxLength: 2 }),
      function: fc.record({ name: word }),
      allowed_tools: fc.record({ mode: word, tools: fc.array(tool, { maxLength: 2 }) }),
    },
    { requiredKeys: [] },
  ),
);
const tools = fc.oneof(fc.array(tool, { maxLength: 4 }), leaf);

/** Throws unless `work` succeeds, or is refused with a field. */
function understoodOrRefused(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error).toMatchObject({ message: expect.stringMatching(/.{10}/), param: expect.any(String) });
  }
}

describe("any JSON as tools and tool choice", () => {
  it("is decoded or refused in every protocol", () => {
    const messages = [{ role: "user", content: "Hi" }];
    fc.assert(
      fc.property(tools, choice, (offered, tool_choice) => {
        const fields = { model: "one", tools: offered, tool_choice };
        understoodOrRefused(() => completed(decodeChatRequest({ ...fields, messages })));
        understoodOrRefused(() => completedWithoutPrompt(decodeResponsesRequest({ ...fields, input: "Hi" })));
        understoodOrRefused(() => completed(decodeMessagesRequest({ ...fields, messages, max_tokens: 1 })));
      }),
      { numRuns: 500 },
    );
  });

  it("leads to unique names, which identify a call's tool", () => {
    fc.assert(
      fc.property(fc.array(tool, { maxLength: 6 }), (offered) => {
        understoodOrRefused(() => {
          const { generation, toolLabels } = completedWithoutPrompt(
            decodeResponsesRequest({ model: "one", input: "Hi", tools: offered }),
          );
          const names = generation.tools?.tools.map(({ name }) => name) ?? [];
          expect(new Set(names).size).toBe(names.length);
          expect([...toolLabels.keys()]).toEqual(names);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("can be in earlier calls: items of any kind are accepted or refused", () => {
    const item = fc.record(
      {
        type: fc.constantFrom(
          "message",
          "function_call",
          "function_call_output",
          "custom_tool_call",
          "custom_tool_call_output",
          "local_shell_call",
          "local_shell_call_output",
          "mcp_call",
          "web_search_call",
          "reasoning",
          "x",
          "_call",
          "_output",
        ),
        id: leaf,
        call_id: fc.constantFrom("1", "2"),
        role: fc.constantFrom("user", "assistant"),
        name: leaf,
        namespace: leaf,
        content: fc.oneof(leaf, fc.array(fc.record({ type: word, text: leaf, filename: leaf }), { maxLength: 2 })),
        arguments: leaf,
        input: leaf,
        output: fc.jsonValue({ maxDepth: 3 }),
        action: fc.jsonValue({ maxDepth: 2 }),
        summary: fc.constantFrom([], null),
      },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 6 }), (input) => {
        understoodOrRefused(() => {
          const items = decodeResponsesRequest({ model: "one", input }).input;
          toMessages(
            undefined,
            items.filter((one) => one.type !== "item_reference" && one.type !== "compaction"),
          );
        });
      }),
      { numRuns: 500 },
    );
  });
});
