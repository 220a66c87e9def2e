import { expect, test } from "vitest";
import { answerText } from "../../../bench/load/answer-text.ts";
import { streamedAnswer, wholeAnswer } from "../../../bench/peers/mock-answer.ts";

test("a stream has the text of the whole answer", () => {
  const { choices } = JSON.parse(wholeAnswer());
  expect(answerText(wholeAnswer())).toBe(choices[0].message.content);
  expect(answerText(streamedAnswer())).toBe(choices[0].message.content);
});

test("quotes and backslashes don't end a text", () => {
  const text = 'a "b" \\ c \\';
  const written = JSON.stringify(text).slice(1, -1);
  for (const space of [0, 1]) {
    expect(answerText(JSON.stringify({ content: text, refusal: null }, null, space))).toBe(written);
  }
});

test("neither an error nor a thought is a text", () => {
  expect(answerText('{"error":{"message":"content"}}')).toBe("");
  expect(answerText('{"reasoning_content":"Hm","content":null}')).toBe("");
});
