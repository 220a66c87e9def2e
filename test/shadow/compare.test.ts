import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { cosine, isSame } from "../../src/shadow/compare.ts";
import { createListener, type Said } from "../../src/shadow/said.ts";

const text = (said: string): Said => ({ text: said, calls: [] });

describe("two answers", () => {
  it("are the same up to white space, and to the order and the spelling of JSON", () => {
    expect(isSame(text(" Paris.\n"), text("Paris."))).toBe(true);
    expect(isSame(text('{"a": 1, "b": [1, {"c": 2, "d": 3}]}'), text('{"b":[1,{"d":3,"c":2}],"a":1.0}'))).toBe(true);
    expect(isSame(text("Paris"), text("paris"))).toBe(false);
    expect(isSame(text("[1,2]"), text("[2,1]"))).toBe(false);
    expect(isSame(text("{not json"), text("{not  json"))).toBe(true);
  });

  it("are the same if they make the same calls, whatever is said beside them", () => {
    const call = (name: string, given: string) => ({ name, arguments: given });
    const one = { text: "Let me see.", calls: [call("f", '{"a":1,"b":2}')] };
    expect(isSame(one, { text: "", calls: [call("f", '{"b":2, "a":1}')] })).toBe(true);
    expect(isSame(one, { text: "Let me see.", calls: [call("g", '{"a":1,"b":2}')] })).toBe(false);
    expect(isSame(one, { text: "Let me see.", calls: [call("f", '{"a":1,"b":3}')] })).toBe(false);
    expect(isSame(one, text("Let me see."))).toBe(false);
    expect(isSame(text("Let me see."), one)).toBe(false);
  });

  it("are the same as themselves, in either order of any pair", () => {
    const said = fc.record({
      text: fc.oneof(fc.string(), fc.json()),
      calls: fc.array(fc.record({ name: fc.string(), arguments: fc.json() }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(said, said, (one, other) => {
        expect(isSame(one, one)).toBe(true);
        expect(isSame(one, other)).toBe(isSame(other, one));
      }),
    );
  });

  it("have the cosine of their vectors", () => {
    expect(cosine(Float32Array.of(1, 0), Float32Array.of(1, 1))).toBeCloseTo(Math.SQRT1_2);
    expect(cosine(Float32Array.of(0, 0), Float32Array.of(1, 1))).toBe(0);
  });
});

describe("what an answer says", () => {
  const end: GenerationEvent = { type: "finished", choice: 0, reason: "stop" };
  function said(events: readonly GenerationEvent[], cut?: "fine") {
    const listener = createListener();
    for (const event of events) listener.note(event);
    return listener.said(cut);
  }

  it("is its text and its calls", () => {
    expect(
      said([
        { type: "text", choice: 0, text: "I " },
        { type: "text", choice: 0, text: "see" },
        { type: "toolCall", choice: 0, index: 0, id: "call_1", name: "f" },
        { type: "toolArguments", choice: 0, index: 0, text: '{"a"' },
        { type: "toolArguments", choice: 0, index: 0, text: ":1}" },
        end,
      ]),
    ).toEqual({ text: "I see", calls: [{ name: "f", arguments: '{"a":1}' }] });
  });

  it.each([
    [
      'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\ndata: {"choices":[{"delta":{"content":"Hi "}}]}\n\n',
      'data: {"choices":[{"delta":{"content":"you"}}]}\n\ndata: {"choices":[],"usage":{}}\n\n',
    ],
    ['{"id":"x","choices":[{"message":{"role":"assistant","content":"Hi you"}}]}', ""],
    [
      'event: message_start\ndata: {"type":"message_start","message":{"content":[]}}\n\n',
      'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi you"}}\n\n',
    ],
    ['{"type":"message","content":[{"type":"text","text":"Hi "},{"type":"text","text":"you"}]}', ""],
  ])("is read of what is passed on: %s", (...frames) => {
    expect(said([...frames.map((each): GenerationEvent => ({ type: "frames", text: each })), end])).toEqual(
      text("Hi you"),
    );
  });

  it("is unknown of an answer that was cut off, refused or too long, or that can't be read", () => {
    const cut: GenerationEvent = { type: "finished", choice: 0, reason: "length" };
    const word: GenerationEvent = { type: "text", choice: 0, text: "x" };
    expect(said([word, cut])).toBeUndefined();
    expect(said([word, cut], "fine")).toEqual(text("x"));
    expect(said([word])).toBeUndefined();
    expect(said([{ type: "refusal", choice: 0, text: "No." }, end])).toBeUndefined();
    expect(said([{ type: "text", choice: 0, text: "x".repeat(100_001) }, end])).toBeUndefined();
    expect(said([{ type: "frames", text: "data: {broken}\n\n" }, end])).toBeUndefined();
    const call = '{"choices":[{"message":{"tool_calls":[{"function":{"name":"f"}}]}}]}';
    expect(said([{ type: "frames", text: call }, end])).toBeUndefined();
  });
});
