import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Verbatim } from "../../src/generation/verbatim.ts";
import { newAnswer } from "../../src/protocols/chat/answer.ts";
import { createChunkEncoder } from "../../src/protocols/chat/encode-chunks.ts";
import { newAnswer as newMessage } from "../../src/protocols/messages/answer.ts";
import { createMessageEncoder } from "../../src/protocols/messages/encode-stream.ts";
import type { StreamEncoder } from "../../src/protocols/stream.ts";
import { createTally } from "../../src/protocols/tally.ts";
import { anthropicApi } from "../../src/upstream/anthropic.ts";
import { DONE } from "../../src/upstream/messages.ts";
import { openAiApi } from "../../src/upstream/openai.ts";
import { passStream } from "../../src/upstream/pass-on.ts";
import { PASSING } from "../../src/upstream/passing.ts";
import { requestFor } from "./support.ts";

const source = { name: "there", withoutKey: (body: unknown) => body };
type Protocol = keyof typeof APIS;
const APIS = { chat: openAiApi, completions: openAiApi, messages: anthropicApi } as const;

function verbatimFor(protocol: Protocol): Verbatim {
  const common = { text: "{}", body: {}, stream: true, includeUsage: true, maxTokens: undefined, headers: {} };
  return { ...common, protocol, answerId: "ours" };
}

/** What a client gets of a stream whose text comes in these pieces, passed on as it came. */
function passed(protocol: Protocol, pieces: readonly string[], request: GenerationRequest = requestFor()) {
  const passing = PASSING[protocol === "messages" ? "anthropic" : "openai"];
  if (passing === undefined) throw new Error("there is none");
  const reader = APIS[protocol].read(request, source);
  const options = { passing, request, verbatim: verbatimFor(protocol), reader, upstream: "there" };
  const passer = passStream({ ...options, costOf: () => undefined });
  const events = [...[...pieces, "\n\n"].flatMap(passer.note), ...passer.end()];
  return { events, text: events.map((event) => (event.type === "frames" ? event.text : "")).join("") };
}

/** What a client gets of these messages, read as events and written anew. */
function written(protocol: Protocol, messages: readonly object[], request: GenerationRequest = requestFor()) {
  const reader = APIS[protocol].read(request, source);
  const ends = protocol === "messages" ? [] : [{ data: DONE }];
  const events = [...messages.map((data) => ({ data })), ...ends].flatMap(reader.note);
  const encoder = encoderFor(protocol, request);
  const all: readonly GenerationEvent[] = [...events, ...reader.end()];
  return { events: all, text: encoder.open() + all.map(encoder.encode).join("") + encoder.close() };
}

function encoderFor(protocol: Protocol, { choices }: GenerationRequest): StreamEncoder {
  const tally = createTally(choices);
  if (protocol === "messages") return createMessageEncoder(newMessage("one", undefined, true), tally, "req_1");
  return createChunkEncoder(newAnswer({ id: "one", createdUnixSeconds: 1 }, 1, choices), tally, true);
}

function dataOf(text: string): readonly unknown[] {
  const lines = text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: [DONE]");
  return lines.map((line) => JSON.parse(line.slice("data: ".length)));
}

type Chunk = {
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly choices: readonly {
    readonly index: number;
    readonly delta: {
      readonly content?: string;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly function?: { name?: string; arguments?: string };
      }[];
    };
    readonly finish_reason?: string | null;
  }[];
};

type Event = { readonly index: number } & (
  | { readonly type: "message_start"; readonly message: object }
  | { readonly type: "content_block_start"; readonly content_block: { readonly type: string; readonly name?: string } }
  | {
      readonly type: "content_block_delta";
      readonly delta: { readonly text?: string; readonly thinking?: string; readonly partial_json?: string };
    }
  | {
      readonly type: "message_delta";
      readonly delta: { readonly stop_reason: string };
      readonly usage: { readonly output_tokens: number };
    }
);

type Summary = { text: string; reasoning: string; calls: Record<string, string>; ends: unknown[]; usage: unknown };

/** What an SDK makes of the chunks of a chat completion. */
function meaningOfChat(text: string): readonly Summary[] {
  const choices: Summary[] = [];
  let usage: unknown;
  for (const chunk of dataOf(text) as readonly Chunk[]) {
    expect(chunk).toMatchObject({ model: "one" });
    if (chunk.usage != null) usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
    for (const { index, delta, finish_reason: reason } of chunk.choices) {
      choices[index] ??= { text: "", reasoning: "", calls: {}, ends: [], usage: undefined };
      const choice = choices[index];
      choice.text += delta.content ?? "";
      choice.reasoning += delta.reasoning_content ?? "";
      for (const call of delta.tool_calls ?? []) {
        const key = `${call.index}`;
        choice.calls[key] = (choice.calls[key] ?? "") + (call.function?.name ?? "") + (call.function?.arguments ?? "");
      }
      if (reason != null) choice.ends.push(reason);
    }
  }
  return choices.map((choice) => ({ ...choice, usage }));
}

/** What an SDK makes of the events of a message. */
function meaningOfMessage(text: string): Summary {
  const message: Summary = { text: "", reasoning: "", calls: {}, ends: [], usage: undefined };
  for (const event of dataOf(text) as readonly Event[]) {
    if (event.type === "message_start") expect(event.message).toMatchObject({ model: "one" });
    if (event.type === "content_block_start" && event.content_block.type === "tool_use")
      message.calls[event.index] = event.content_block.name ?? "";
    if (event.type === "content_block_delta") {
      message.text += event.delta.text ?? "";
      message.reasoning += event.delta.thinking ?? "";
      if (event.delta.partial_json !== undefined) message.calls[event.index] += event.delta.partial_json;
    }
    if (event.type === "message_delta") {
      message.ends.push(event.delta.stop_reason);
      message.usage = event.usage.output_tokens;
    }
  }
  // Blocks without text are left out where they are written anew.
  return { ...message, calls: Object.fromEntries(Object.values(message.calls).entries()) };
}

const word = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom('"usage":{', '"finish_reason":"stop"', "data: [DONE]", "\n\n", "\\", '","model":"x', "\u2028"),
);
const count = fc.nat({ max: 1000 });

const delta = fc.oneof(
  fc.record({ content: word }),
  fc.record({ reasoning_content: word }),
  fc.record({ role: fc.constant("assistant"), content: fc.constant("") }),
);
const call = (index: number) =>
  fc
    .tuple(word, fc.array(word, { maxLength: 3 }))
    .map(([name, parts]) => [
      { tool_calls: [{ index, id: `c${index}`, type: "function", function: { name: `f${name}`, arguments: "" } }] },
      ...parts.map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] })),
    ]);

const HEADS = [
  (rest: object) => ({ id: "theirs", object: "chat.completion.chunk", created: 1, model: "theirs", ...rest }),
  (rest: object) => ({ ...rest, created: 1, id: "theirs", model: "theirs", object: "chat.completion.chunk" }),
  (rest: object) => ({ model: "theirs", usage: null, ...rest, id: "theirs" }),
];

/** A chat completion as a server may stream it. */
const chat = fc
  .record({
    head: fc.constantFrom(...HEADS),
    deltas: fc.array(delta, { maxLength: 8 }),
    calls: fc.option(fc.tuple(call(0), call(1)), { nil: [] }),
    reason: fc.constantFrom("stop", "length", "content_filter"),
    usage: fc.record({ prompt_tokens: count, completion_tokens: count }),
    isApart: fc.boolean(),
  })
  .map(({ head, deltas, calls, reason, usage, isApart }) => {
    const end = calls.length > 0 ? "tool_calls" : reason;
    const parts: object[] = [...deltas, ...calls.flat()];
    const chunks = parts.map((each) => head({ choices: [{ index: 0, delta: each, finish_reason: null }] }));
    const last = { choices: [{ index: 0, delta: {}, finish_reason: end }] };
    return isApart ? [...chunks, head(last), head({ choices: [], usage })] : [...chunks, head({ ...last, usage })];
  });

const block = (index: number) =>
  fc.oneof(
    fc
      .array(word, { maxLength: 4 })
      .map((texts) => [
        { type: "content_block_start", index, content_block: { type: "text", text: "" } },
        ...texts.map((text) => ({ type: "content_block_delta", index, delta: { type: "text_delta", text } })),
      ]),
    fc.array(word, { maxLength: 4 }).map((texts) => [
      {
        type: "content_block_start",
        index,
        content_block: { type: "tool_use", id: `t${index}`, name: "f", input: {} },
      },
      ...texts.map((text) => ({
        type: "content_block_delta",
        index,
        delta: { type: "input_json_delta", partial_json: text },
      })),
    ]),
  );

function isCall(event: object): boolean {
  return "content_block" in event && JSON.stringify(event.content_block).includes("tool_use");
}

/** A message as Anthropic streams it. */
const message = fc
  .record({
    blocks: fc.tuple(block(0), block(1)),
    reason: fc.constantFrom("end_turn", "max_tokens"),
    input: count,
    output: count,
  })
  .map(({ blocks, reason, input, output }) => [
    {
      type: "message_start",
      message: {
        id: "theirs",
        type: "message",
        role: "assistant",
        model: "theirs",
        content: [],
        usage: { input_tokens: input, output_tokens: 1 },
      },
    },
    { type: "ping" },
    ...blocks.flatMap((events, index) => [...events, { type: "content_block_stop", index }]),
    {
      type: "message_delta",
      delta: { stop_reason: blocks.flat().some(isCall) ? "tool_use" : reason, stop_sequence: null },
      usage: { output_tokens: output },
    },
    { type: "message_stop" },
  ]);

const layout = fc.record({
  newline: fc.constantFrom("\n", "\r\n", "\r"),
  space: fc.constantFrom(" ", ""),
  isLoose: fc.boolean(),
  hasComments: fc.boolean(),
  cuts: fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 6 }),
});

/** The text of a stream in any form that the specification allows, cut into pieces anywhere. */
function layOut(
  messages: readonly object[],
  { newline, space, isLoose, hasComments, cuts }: LayoutOf,
  ending = "",
): string[] {
  const json = (value: object) =>
    isLoose ? JSON.stringify(value, null, 1).replaceAll(/\n */g, " ") : JSON.stringify(value);
  const events = messages.map((each) => {
    const name = "type" in each ? `event:${space}${each.type}${newline}` : "";
    return `${hasComments ? `: still here${newline}${newline}` : ""}${name}data:${space}${json(each)}${newline}${newline}`;
  });
  const text = events.join("") + (ending === "" ? "" : `data:${space}${ending}${newline}${newline}`);
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const length = 1 + (cuts[turn % cuts.length] ?? 0);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

type LayoutOf = typeof layout extends fc.Arbitrary<infer T> ? T : never;

const account = ({ events }: { readonly events: readonly GenerationEvent[] }) =>
  events.filter(({ type }) => type === "usage" || type === "finished");

describe("a stream that is passed on", () => {
  it("means to a client what it means when it is read and written anew, in OpenAI's form", () => {
    fc.assert(
      fc.property(chat, layout, (messages, form) => {
        const [fast, slow] = [passed("chat", layOut(messages, form, "[DONE]")), written("chat", messages)];
        const [quick] = meaningOfChat(fast.text);
        const [read] = meaningOfChat(slow.text);
        expect(quick).toEqual(read);
        expect(account(fast)).toEqual(account(slow));
        expect(fast.text).not.toContain("theirs");
      }),
    );
  });

  it("does so in Anthropic's form", () => {
    fc.assert(
      fc.property(message, layout, (messages, form) => {
        const [fast, slow] = [passed("messages", layOut(messages, form)), written("messages", messages)];
        expect(meaningOfMessage(fast.text)).toEqual(meaningOfMessage(slow.text));
        expect(account(fast)).toEqual(account(slow));
        expect(fast.text).not.toContain("theirs");
      }),
    );
  });

  it("comes as it was, but for its names, whatever fields it has", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (more) => {
        fc.pre(["choices", "usage", "error", "model", "id"].every((name) => !Object.hasOwn(more, name)));
        const chunk = { id: "theirs", ...more, model: "theirs", choices: [{ index: 0, delta: { content: "Hi" } }] };
        const { text } = passed("chat", [`data: ${JSON.stringify(chunk)}\n\n`]);
        expect(dataOf(text)).toEqual([JSON.parse(JSON.stringify({ ...chunk, id: "ours", model: "one" }))]);
      }),
    );
  });

  it("ends or fails for any text, and never hangs", () => {
    const junk = fc.string({ unit: fc.constantFrom(...'dat: {}[]"\n\r,errousag1'), maxLength: 80 });
    fc.assert(
      fc.property(fc.array(junk), (pieces) => {
        try {
          passed("chat", pieces);
        } catch (error) {
          expect(error).toMatchObject({ name: expect.stringMatching(/^(UpstreamError|ZodError)$/) });
        }
      }),
    );
  });
});
