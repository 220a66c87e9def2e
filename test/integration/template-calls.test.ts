import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Dialect, dialectOf } from "../../src/tools/dialect.ts";
import { createParser } from "../../src/tools/parsing.ts";
import { conversations, QUESTION, TOOLS } from "./templates/conversations.ts";
import { type Expected, readExpected } from "./templates/expected.ts";
import { FAMILIES, type Family, readTemplate } from "./templates/sources.ts";

/** A model's text in a turn, and whether it begins within reasoning. */
type Turn = { readonly text: string; readonly reasoning: boolean };
type Call = { readonly name: string; readonly arguments: string };
type Heard = { words: string; calls: Call[] };

// A template writes earlier turns as its model writes them, so the parser must find in them what was put in.
describe.each(FAMILIES)("a turn as the template of $template writes it", (family) => {
  let expected: Expected;
  let dialect: Dialect;

  beforeAll(async () => {
    expected = await readExpected(family.template);
    dialect = dialectOf((await readTemplate(family.template)).text);
  });

  test.each(["calls and their results, in another order", "words before a call", "reasoning before a call"])(
    "is understood, however it is cut: %s",
    (name) => {
      const { messages } = conversations(family).get(name) ?? { messages: [] };
      const asked = messages.find(({ tool_calls }) => tool_calls !== undefined);
      if (asked === undefined) throw new Error("nothing is called in it");
      const turn = turnOf(name, family, expected, dialect);
      const shown = [asked.content, asked.reasoning_content].find((words) => words && turn.text.includes(words)) ?? "";
      const calls = (asked.tool_calls ?? []).map((call) => ({
        name: call.function.name,
        arguments: JSON.parse(call.function.arguments),
      }));
      const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
      fc.assert(
        fc.property(lengths, (sizes) => {
          const { words, calls: heard } = hear(turn, cut(turn.text, sizes), dialect);
          expect(words.trim()).toBe(shown);
          expect(heard.map((call) => ({ ...call, arguments: JSON.parse(call.arguments) }))).toEqual(
            dialect.oneCallAMessage ? calls.slice(0, 1) : calls,
          );
        }),
        { numRuns: 50 },
      );
    },
  );
});

/** The model's part of a rendered conversation: from the prompt for its answer to the end of its turn. */
function turnOf(name: string, { callsEnd, endToken }: Family, expected: Expected, dialect: Dialect): Turn {
  const asked = textOf("two tools", expected);
  const whole = textOf(name, expected);
  const prompt = asked.slice(asked.lastIndexOf(QUESTION));
  // A template may begin or end reasoning for the coming answer, but not in earlier ones.
  const bare = prompt.replace(/<think>\s*(<\/think>)?\s*$|<\|channel>thought\s*<channel\|>$/, "");
  const isWhole = whole.includes(prompt);
  const begin = isWhole ? prompt : bare;
  expect(whole).toContain(begin);
  const start = whole.indexOf(begin) + begin.length;
  const end = whole.indexOf(callsEnd ?? endToken, start);
  expect(end).toBeGreaterThan(start);
  return { text: whole.slice(start, end), reasoning: isWhole && dialect.opensReasoning(undefined) };
}

function textOf(name: string, { renderings }: Expected): string {
  const result = renderings[name]?.result;
  if (result === undefined || "error" in result) throw new Error(`nothing was recorded of "${name}"`);
  return result.text;
}

function hear({ reasoning }: Turn, pieces: readonly string[], dialect: Dialect): Heard {
  const tools = new Map(TOOLS.map(({ function: { name, parameters } }) => [name, { name, parameters }]));
  const parser = createParser((source) => dialect.read(source, tools, reasoning));
  const heard: Heard = { words: "", calls: [] };
  for (const event of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()]) {
    if (event.type === "call") heard.calls.push({ name: event.name, arguments: "" });
    else if (event.type !== "arguments") heard.words += event.text;
    else heard.calls = heard.calls.with(-1, extended(heard.calls.at(-1), event.text));
  }
  return heard;
}

function extended(call: Call | undefined, json: string): Call {
  if (call === undefined) throw new Error("arguments came before their call");
  return { ...call, arguments: call.arguments + json };
}

function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, index = 0; at < text.length; index++) {
    const length = lengths[index % lengths.length] ?? 1;
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}
