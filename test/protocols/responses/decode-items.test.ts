import { describe, expect, it } from "vitest";
import { formatItem, parseKeptItem } from "../../../src/protocols/responses/decode-items.ts";
import { decode, itemsOf, refusal } from "./support.ts";

describe("the items of an input", () => {
  it("are messages of all roles, with texts or parts", () => {
    const items = itemsOf([
      { role: "developer", content: "d" },
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_text", text: "a" },
          { type: "input_text", text: "b" },
        ],
      },
      { role: "assistant", content: "c" },
      {
        role: "assistant",
        content: [
          { type: "output_text", text: "e", annotations: [{}] },
          { type: "refusal", refusal: "r" },
        ],
      },
    ]);
    expect(items).toMatchObject([
      { type: "message", role: "developer", content: [{ type: "input_text", text: "d" }] },
      { role: "user", content: [{ text: "a" }, { text: "b" }] },
      { role: "assistant", content: [{ type: "output_text", text: "c", annotations: [] }] },
      {
        role: "assistant",
        content: [
          { type: "output_text", text: "e" },
          { type: "refusal", refusal: "r" },
        ],
      },
    ]);
  });

  it("are calls, results and reasoning, with their own ids", () => {
    const items = itemsOf([
      { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "hm" }] },
      { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "call_1", output: [{ type: "input_text", text: "4" }] },
    ]);
    expect(items).toEqual([
      {
        id: "rs_1",
        type: "reasoning",
        status: "completed",
        summary: [],
        content: [{ type: "reasoning_text", text: "hm" }],
      },
      { id: "fc_1", type: "function_call", status: "completed", call_id: "call_1", name: "f", arguments: "{}" },
      {
        id: expect.stringMatching(/^fco_/),
        type: "function_call_output",
        status: "completed",
        call_id: "call_1",
        output: [{ type: "input_text", text: "4" }],
      },
    ]);
  });

  it("are calls of custom tools and of namespaces, unchanged", () => {
    const items = [
      {
        type: "custom_tool_call",
        id: "ctc_1",
        status: "completed",
        call_id: "c",
        name: "apply_patch",
        input: "*** Begin",
      },
      { type: "custom_tool_call_output", id: "ctco_1", status: "completed", call_id: "c", output: "Done" },
      {
        type: "function_call",
        id: "fc_1",
        status: "completed",
        call_id: "d",
        name: "f",
        namespace: "n",
        arguments: "{}",
      },
      { type: "function_call_output", id: "fco_1", status: "completed", call_id: "d", output: '{"ok":true}' },
    ];
    expect(itemsOf([...items.slice(0, 3), { ...items[3], output: { ok: true } }])).toEqual(items);
  });

  it("replace unreadable parts by notes, except in the newest user message", () => {
    const image = { type: "input_image", image_url: "data:image/png;base64,AA==" };
    const file = { type: "input_file", filename: "a.pdf", file_data: "AA==" };
    const items = itemsOf([
      { role: "user", content: [{ type: "input_text", text: "Look" }, image, file] },
      { role: "assistant", content: [{ type: "hologram" }] },
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: [image] },
      { role: "user", content: "And?" },
    ]);
    const note = "[image omitted: the model reads text only]";
    expect(items).toMatchObject([
      { content: [{ text: "Look" }, { text: note }, { text: '[file "a.pdf" omitted: the model reads text only]' }] },
      { content: [{ text: "[hologram omitted: the model reads text only]" }] },
      {},
      { output: [{ type: "input_text", text: note }] },
      {},
    ]);
  });

  it("are kept unchanged if their type is unknown", () => {
    const items = [
      { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "mills" } },
      { type: "hologram", id: "h_1", depth: 3 },
    ];
    const kept = decode({ input: items }).input.filter((item) => item.type !== "item_reference");
    expect(kept.map((item) => JSON.parse(formatItem(item)))).toEqual(items);
    expect(kept.map((item) => parseKeptItem(formatItem(item)))).toEqual(kept);
    const [unnamed] = decode({ input: [{ type: "local_shell_call", action: {} }] }).input;
    expect(unnamed).toMatchObject({ id: expect.stringMatching(/^item_/) });
  });

  it("are reasoning without text if another server encrypted it", () => {
    const item = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA" };
    expect(itemsOf([item])).toMatchObject([{ id: "rs_1", type: "reasoning", content: [] }]);
    expect(itemsOf([{ ...item, content: [{ type: "text", text: "hm" }] }])).toMatchObject([
      { content: [{ type: "reasoning_text", text: "hm" }] },
    ]);
  });

  it("may be references, with and without their type", () => {
    const references = [{ type: "item_reference", id: "msg_1" }, { id: "msg_1" }, { type: null, id: "msg_1" }];
    for (const reference of references) {
      expect(decode({ input: [reference] }).input).toEqual([{ type: "item_reference", id: "msg_1" }]);
    }
  });

  it("are restored unchanged from their JSON", () => {
    const items = itemsOf([
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { type: "function_call", call_id: "call_1", name: "f", arguments: "{}", status: "incomplete" },
      { type: "function_call_output", call_id: "call_1", output: "4" },
      { type: "reasoning", summary: [{ type: "summary_text", text: "s" }] },
    ]);
    expect(items.map((item) => parseKeptItem(JSON.stringify(item)))).toEqual(items);
  });

  it.each([
    [{ role: "tool", content: "a" }, "input[0].role", "invalid_value"],
    [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }, "input[0].content[0]", "unsupported_value"],
    [{ role: "user", content: [{ type: "input_file", file_id: "x" }] }, "input[0].content[0]", "unsupported_value"],
    [{ role: "user", content: [{ type: "refusal", refusal: "x" }] }, "input[0].content[0].type", "invalid_value"],
    [{ role: "user", content: [{ type: "video" }] }, "input[0].content[0]", "unsupported_value"],
    [{ role: "user", content: [{ type: "input_text" }] }, "input[0].content[0].text", "missing_required_parameter"],
    [{ type: "function_call", name: "f", arguments: "" }, "input[0].call_id", "missing_required_parameter"],
    [{ type: "custom_tool_call", call_id: "c", name: "f" }, "input[0].input", "missing_required_parameter"],
    ["text", "input[0]", "invalid_type"],
  ])("are refused as %j", (item, param, code) => {
    expect(refusal({ input: [item] })).toMatchObject({ param, code });
  });

  it("lose lone surrogates, which have no UTF-8 form", () => {
    expect(itemsOf([{ role: "user", content: "a\ud800" }])).toMatchObject([{ content: [{ text: "a\ufffd" }] }]);
  });
});
