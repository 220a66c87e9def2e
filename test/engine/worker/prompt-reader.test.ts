import { describe, expect, test } from "vitest";
import type { ChatTemplate } from "../../../src/engine/contract/native.ts";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { createPromptReader } from "../../../src/engine/worker/prompt-reader.ts";
import type { Prompt } from "../../../src/generation/request.ts";
import { tokenizer } from "./fake-backend.ts";

const template: ChatTemplate = {
  render: () => "rendered",
  control: createControlFinder([]),
  beginToken: undefined,
  emptyToken: undefined,
  infill: undefined,
  stop: [],
};

const text = (letters: string): Prompt => ({ type: "text", text: letters });

function setUp(contextTokens = 1_000) {
  const read: string[] = [];
  let time = 0;
  const counting = {
    ...tokenizer,
    tokenize(letters: string, parseSpecial: boolean) {
      read.push(letters);
      return tokenizer.tokenize(letters, parseSpecial);
    },
  };
  const readPrompt = createPromptReader({ tokenizer: counting, template, contextTokens, now: () => time });
  return {
    readPrompt,
    /** What was tokenized. */
    read,
    wait(ms: number) {
      time += ms;
    },
  };
}

describe("reading a prompt", () => {
  test("is done once for the same prompt and tools", () => {
    const { readPrompt, read } = setUp();
    const prompt = { type: "chat" as const, messages: [{ role: "user" as const, content: "hi" }] };
    const first = readPrompt(prompt, []);
    expect(readPrompt(structuredClone(prompt), [])).toEqual(first);
    expect(read).toEqual(["rendered"]);
    readPrompt({ ...prompt, continueFinal: false }, []);
    readPrompt(prompt, [{ name: "now" }]);
    expect(read).toHaveLength(3);
  });

  test("is repeated after some minutes, because a template may contain the date", () => {
    const { readPrompt, read, wait } = setUp();
    readPrompt(text("a"), []);
    wait(299_000);
    readPrompt(text("a"), []);
    wait(1_000);
    readPrompt(text("a"), []);
    expect(read).toEqual(["a", "a"]);
  });

  test("forgets the least recently used prompts first when the cache is full", () => {
    const { readPrompt, read } = setUp(200_000);
    const long = (letter: string) => text(letter.repeat(100_000));
    for (const letter of ["a", "b", "a", "c", "a"]) readPrompt(long(letter), []);
    expect(read).toHaveLength(3);
    readPrompt(long("b"), []);
    expect(read).toHaveLength(4);
  });

  test("fails for a prompt that is nested too deep", () => {
    const { readPrompt, read } = setUp();
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    const prompt = { type: "chat" as const, messages: [], templateArguments: { deep } };
    expect(readPrompt(prompt, [])).toMatchObject({ rejection: { code: "unrenderable_prompt" } });
    expect(read).toEqual([]);
  });

  test("fails each time for a prompt that leaves no room for an answer", () => {
    const { readPrompt, read } = setUp(4);
    const rejection = { code: "context_length_exceeded", promptTokens: 4, contextTokens: 4, atLeast: false };
    expect(readPrompt(text("abcd"), [])).toEqual({ rejection });
    expect(readPrompt(text("abcd"), [])).toEqual({ rejection });
    expect(read).toHaveLength(2);
    expect(readPrompt(text("a".repeat(1_000)), [])).toMatchObject({ rejection: { atLeast: true } });
    expect(readPrompt({ type: "tokens", tokens: [99] }, [])).toMatchObject({ rejection: { field: "prompt" } });
  });
});
