import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { read, TEMPLATES, type TemplateName } from "./support.ts";

const NAMES = Object.keys(TEMPLATES) as TemplateName[];

/** What makes up calls, reasoning and near misses of all families. */
const FRAGMENTS = [
  ..."<tool_call> </tool_call> <think> </think> [TOOL_CALLS] [ARGS] [THINK] [/THINK] <|python_tag|> <|channel|> <|message|>".split(
    " ",
  ),
  ..."<|end|> <|start|> analysis final assistant <|tool_call> <tool_call|> call: <channel|> <|channel>thought <function=".split(
    " ",
  ),
  ..."<parameter=city> </parameter> </function> <｜tool▁calls▁begin｜> <｜tool▁call▁begin｜> <｜tool▁sep｜> <｜tool▁call▁end｜>".split(
    " ",
  ),
  ...'{"name": "now" get_weather , "arguments": "parameters": {"city": "Paris"} {} } ] [ " \\ { : ```json ``` > = < |'.split(
    " ",
  ),
  '{"name": "now", "arguments": {"a": 1}}',
  '{"name": "get_weather", "parameters": {"city": "Pa}ris"}}',
  ' to=functions.now<|channel|>commentary json<|message|>{"b": [1]}',
  'call:now{a:<|"|>x<|"|>}',
  " ",
  "\n",
  "Word",
  "né 🦊",
] as const;

const said = fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 14 }).map((parts) => parts.join(""));

function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  const characters = Array.from(text);
  for (let index = 0; characters.length > 0; index++) {
    pieces.push(characters.splice(0, lengths[index % lengths.length] ?? 1).join(""));
  }
  return pieces;
}

describe.each(NAMES)("the parser for %s", (name) => {
  it("reads the same events wherever the text is cut", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(said, lengths, fc.boolean(), (text, sizes, reasoning) => {
        expect(read(name, cut(text, sizes), { reasoning })).toEqual(read(name, [text], { reasoning }));
      }),
      { numRuns: 300 },
    );
  });

  it("loses no text that isn't a call", () => {
    fc.assert(
      fc.property(said, (text) => {
        const events = read(name, [text]);
        const isPlain = events.every(({ type }) => type === "text");
        const content = events.map((event) => (event.type === "text" ? event.text : "")).join("");
        // Of harmony's headers nothing is content, and a mark of reasoning may have nothing in it.
        if (isPlain && name !== "harmony" && !/^\s*(<think>|\[THINK\]|<\|channel>thought)/.test(text))
          expect(content).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});
