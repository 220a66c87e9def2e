import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import {
  createOllamaEncoder,
  encodeLoaded,
  encodeOllama,
  type OllamaAnswer,
} from "../../../src/protocols/ollama/encode.ts";
import { ollamaChatAnswer, ollamaGenerateAnswer } from "../../../src/protocols/ollama/schema.ts";
import { createStopwatch } from "../../../src/protocols/ollama/stopwatch.ts";
import { createTally } from "../../../src/protocols/tally.ts";

const STARTED: GenerationEvent = { type: "started", promptTokens: 12, cachedTokens: 4 };
const ENDED: GenerationEvent = { type: "finished", choice: 0, reason: "stop", completionTokens: 3 };
const text = (said: string): GenerationEvent => ({ type: "text", choice: 0, text: said });
const call = (index: number, name: string): GenerationEvent => ({
  ...{ type: "toolCall", choice: 0, index, id: `call_${index}`, name },
});
const args = (index: number, json: string): GenerationEvent => ({
  ...{ type: "toolArguments", choice: 0, index, text: json },
});

function answer(given: Partial<OllamaAnswer> = {}): OllamaAnswer {
  let ms = 0;
  return {
    form: "chat",
    model: "m:latest",
    labels: new Map(),
    stopwatch: createStopwatch(() => ms++),
    now: () => 1_700_000_000_000,
    ...given,
  };
}

function stream(events: readonly GenerationEvent[], given: Partial<OllamaAnswer> = {}): string {
  const encoder = createOllamaEncoder(answer(given), createTally(1));
  return [encoder.open(), ...events.map(encoder.encode), encoder.close()].join("");
}

/** Parses the lines as clients do. Each must be JSON. */
function linesOf<T extends z.ZodType>(body: string, form: T): z.output<T>[] {
  expect(body.endsWith("\n")).toBe(true);
  return body
    .slice(0, -1)
    .split("\n")
    .map((line) => form.parse(JSON.parse(line)));
}

async function* play(events: readonly GenerationEvent[]) {
  yield* events;
}

describe("an answer of Ollama's API", () => {
  it("streams a line for each piece, and a last one with the reason for the end and the usage", () => {
    const lines = linesOf(stream([STARTED, text("Hel"), text(""), text("lo"), ENDED]), ollamaChatAnswer);
    expect(lines.map(({ message }) => message.content)).toEqual(["Hel", "lo", ""]);
    expect(lines.map(({ done }) => done)).toEqual([false, false, true]);
    expect(lines.at(0)).toMatchObject({ model: "m:latest", created_at: "2023-11-14T22:13:20.000Z" });
    expect(lines.at(-1)).toMatchObject({ done_reason: "stop", prompt_eval_count: 12, eval_count: 3, load_duration: 0 });
  });

  it("has the same content without streaming", async () => {
    const events = [STARTED, { type: "reasoning", choice: 0, text: "Hm." } as const, text("Hel"), text("lo"), ENDED];
    const whole = await encodeOllama(answer(), play(events), createTally(1));
    expect(ollamaChatAnswer.parse(whole)).toMatchObject({
      message: { role: "assistant", content: "Hello", thinking: "Hm." },
      ...{ done: true, done_reason: "stop", prompt_eval_count: 12, eval_count: 3 },
    });
  });

  it("has the text in `response` for a prompt", () => {
    const lines = linesOf(stream([STARTED, text("Hi"), ENDED], { form: "generate" }), ollamaGenerateAnswer);
    expect(lines.map(({ response }) => response)).toEqual(["Hi", ""]);
  });

  it("has each complete call, with the client's name and its arguments as an object with numbers as written", () => {
    const labels = new Map([["ns_add", { type: "function", name: "add" } as const]]);
    const body = stream(
      [STARTED, call(0, "ns_add"), args(0, '{"a":\n1'), args(0, ".0}"), call(1, "other"), args(1, ""), ENDED],
      { labels },
    );
    expect(body).toContain('{"id":"call_0","function":{"index":0,"name":"add","arguments":{"a":1.0}}}');
    const calls = linesOf(body, ollamaChatAnswer).flatMap(({ message }) => message.tool_calls ?? []);
    expect(calls.map(({ function: { name } }) => name)).toEqual(["add", "other"]);
    expect(calls[1]?.function.arguments).toEqual({});
  });

  it("leaves out a call that was cut off, and says that the answer was", async () => {
    const cut = [STARTED, call(0, "f"), args(0, '{"path":"/'), { ...ENDED, reason: "length" } as GenerationEvent];
    const [last, ...more] = linesOf(stream(cut), ollamaChatAnswer);
    expect(more).toEqual([]);
    expect(last).toMatchObject({ done: true, done_reason: "length" });
    const whole = await encodeOllama(answer(), play(cut), createTally(1));
    expect(whole).toMatchObject({ done_reason: "length", message: { role: "assistant", content: "" } });
    expect(JSON.stringify(whole)).not.toContain("tool_calls");
  });

  it("has the log-probabilities of tokens whose text is held back", () => {
    const scored = { token: 1, bytes: [72], logprob: -0.5, top: [{ token: 1, bytes: [72], logprob: -0.5 }] };
    const lines = linesOf(
      stream([STARTED, { ...text(""), logprobs: [scored] } as GenerationEvent, ENDED]),
      ollamaChatAnswer,
    );
    expect(lines[0]?.logprobs).toEqual([
      { token: "H", logprob: -0.5, bytes: [72], top_logprobs: [{ token: "H", logprob: -0.5, bytes: [72] }] },
    ]);
  });

  it("is kept alive by empty pieces, and ends with an error's message", () => {
    const encoder = createOllamaEncoder(answer(), createTally(1));
    const [beat] = linesOf(encoder.beat(), ollamaChatAnswer);
    expect(beat).toMatchObject({ message: { role: "assistant", content: "" }, done: false });
    const error = { message: "The engine\ndied.", type: "server_error", param: null, code: null };
    expect(linesOf(encoder.fail(error), z.unknown())).toEqual([{ error: "The engine\ndied." }]);
    expect(() => encoder.close()).toThrow("unfinished");
  });

  it("says that the model is loaded if the request was empty", () => {
    expect(ollamaGenerateAnswer.parse(encodeLoaded(answer({ form: "generate" })))).toMatchObject({
      ...{ response: "", done: true, done_reason: "load" },
    });
  });

  it("is one line of JSON per piece, whatever the model writes", () => {
    const events = fc.array(
      fc.oneof(
        fc.string({ unit: "binary" }).map(text),
        fc.string({ unit: "binary" }).map((said): GenerationEvent => ({ type: "reasoning", choice: 0, text: said })),
        fc.string().map((name) => call(0, name)),
        fc.oneof(fc.string(), fc.json()).map((json) => args(0, json)),
      ),
    );
    fc.assert(
      fc.property(events, (said) => {
        const lines = linesOf(stream([STARTED, ...said, ENDED]), ollamaChatAnswer);
        expect(lines.filter(({ done }) => done)).toHaveLength(1);
        const written = said.flatMap((event) => (event.type === "text" ? [event.text] : [])).join("");
        expect(lines.map(({ message }) => message.content).join("")).toBe(written);
      }),
    );
  });
});

describe("the durations of an answer", () => {
  it("cover loading, the time from admission to the first token, and the rest", () => {
    let ms = 0;
    const stopwatch = createStopwatch(() => ms);
    ms = 100;
    stopwatch.loaded();
    ms = 150;
    stopwatch.admitted();
    ms = 180;
    stopwatch.note(STARTED);
    ms = 200;
    stopwatch.note(text("a"));
    ms = 260;
    stopwatch.note(text("b"));
    stopwatch.note(ENDED);
    expect(stopwatch.read()).toEqual({
      total_duration: 260e6,
      load_duration: 100e6,
      prompt_eval_duration: 50e6,
      eval_duration: 60e6,
    });
  });

  it("are never negative for an empty answer", () => {
    let ms = 0;
    const stopwatch = createStopwatch(() => ms++);
    stopwatch.note(STARTED);
    const { eval_duration, prompt_eval_duration } = stopwatch.read();
    expect([eval_duration, prompt_eval_duration]).toEqual([0, 1e6]);
  });
});
