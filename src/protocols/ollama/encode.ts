import type { FinishReason, GenerationEvent, SampledLogprob } from "../../generation/event.ts";
import { isJsonObject } from "../../json/exact-number.ts";
import { readJsonText } from "../../json/parse.ts";
import { encodeLogprobs } from "../chat/encode-logprobs.ts";
import type { StreamEncoder } from "../stream.ts";
import type { Tally } from "../tally.ts";
import type { ToolLabel } from "../tools/offer.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** The endpoint whose form the answer has. */
export type OllamaForm = "chat" | "generate";

/** The facts about an answer besides its events. */
export type OllamaAnswer = {
  readonly form: OllamaForm;
  /** The model as the client named it. */
  readonly model: string;
  /** The client's names and types of the tools, by the model's names. */
  readonly labels: ReadonlyMap<string, ToolLabel>;
  readonly stopwatch: Stopwatch;
  /** The time in Unix ms. */
  readonly now: () => number;
};

type Call = { readonly id: string; readonly name: string; readonly index: number; json: string };

/** A piece of the model's output. */
type Piece = {
  readonly content?: string;
  readonly thinking?: string;
  readonly calls?: readonly object[];
  readonly logprobs?: readonly SampledLogprob[];
};

/** The empty answer to a request that only loads or unloads the model. */
export function encodeLoaded(answer: OllamaAnswer, isThere = true) {
  return { ...encodePiece(answer, {}), done: true, done_reason: isThere ? "load" : "unload" };
}

/** Reads all `events` and returns the answer. Rethrows their errors, and throws if it is incomplete. */
export async function encodeOllama(answer: OllamaAnswer, events: AsyncIterable<GenerationEvent>, tally: Tally) {
  const texts = { content: "", thinking: "" };
  const calls: object[] = [];
  const logprobs: SampledLogprob[] = [];
  const reader = createReader(answer, tally);
  for await (const event of events) {
    const piece = reader.read(event);
    texts.content += piece.content ?? "";
    texts.thinking += piece.thinking ?? "";
    if (piece.calls !== undefined) calls.push(...piece.calls);
    if (piece.logprobs !== undefined) logprobs.push(...piece.logprobs);
  }
  tally.assertComplete();
  const { content, thinking } = texts;
  const said = { content, ...(thinking !== "" && { thinking }), ...(calls.length > 0 && { calls }) };
  return { ...encodePiece(answer, { ...said, ...(logprobs.length > 0 && { logprobs }) }), ...reader.ending() };
}

/** Encodes the answer as lines of JSON, one per piece. */
export function createOllamaEncoder(answer: OllamaAnswer, tally: Tally): StreamEncoder {
  const reader = createReader(answer, tally);
  const write = (piece: Piece) => writeLine({ ...encodePiece(answer, piece), done: false });

  return {
    open: () => "",
    encode(event) {
      const piece = reader.read(event);
      const isEmpty = (piece.content ?? "") === "" && Object.keys(piece).every((field) => field === "content");
      return isEmpty ? "" : write(piece);
    },
    beat: () => write({}),
    close() {
      tally.assertComplete();
      return writeLine({ ...encodePiece(answer, {}), ...reader.ending() });
    },
    fail: ({ message }) => writeLine({ error: message }),
  };
}

function writeLine(line: object): string {
  return `${JSON.stringify(line)}\n`;
}

/** Turns events into pieces. A call becomes one piece when it is complete. */
function createReader({ labels, stopwatch }: OllamaAnswer, tally: Tally) {
  let call: Call | undefined;
  let reason: FinishReason = "stop";

  /** Returns the current call as it ends, if there is one. A call that was cut off can't be run, so it is dropped. */
  function takeCall(): readonly object[] | undefined {
    const args = call && readArguments(call.json);
    const whole = call && args && [encodeCall(call, args)];
    call = undefined;
    return whole;
  }

  function encodeCall({ id, name, index }: Call, args: object) {
    return { id, function: { index, name: labels.get(name)?.name ?? name, arguments: args } };
  }

  return {
    read(event: GenerationEvent): Piece {
      tally.note(event);
      stopwatch.note(event);
      if (event.type === "toolArguments") {
        if (call !== undefined) call.json += event.text;
        return {};
      }
      const calls = event.type === "usage" ? undefined : takeCall();
      const before = calls === undefined ? {} : { calls };
      switch (event.type) {
        case "text":
          return { ...before, content: event.text, ...hasAny(event.logprobs) };
        case "refusal":
          return { ...before, content: event.text };
        case "reasoning":
          return { ...before, thinking: event.text };
        case "toolCall":
          call = { id: event.id, name: event.name, index: event.index, json: "" };
          return before;
        case "finished":
          reason = event.reason;
          return before;
        default:
          return before;
      }
    },
    ending() {
      const { prompt, completion } = tally.counts();
      const { total_duration, load_duration, prompt_eval_duration, eval_duration } = stopwatch.read();
      return {
        done: true,
        done_reason: reason === "length" ? "length" : "stop",
        ...{ total_duration, load_duration, prompt_eval_count: prompt, prompt_eval_duration },
        ...{ eval_count: completion, eval_duration },
      };
    },
  };
}

function hasAny(logprobs: readonly SampledLogprob[] | undefined): Pick<Piece, "logprobs"> {
  return logprobs === undefined || logprobs.length === 0 ? {} : { logprobs };
}

/** Undefined if it is not a JSON object. Numbers are kept as written. */
function readArguments(json: string): object | undefined {
  if (json.trim() === "") return {};
  try {
    const read = readJsonText(json);
    return "value" in read && isJsonObject(read.value) ? read.value : undefined;
  } catch {
    return undefined;
  }
}

function encodePiece({ form, model, now }: OllamaAnswer, { content = "", thinking, calls, logprobs }: Piece) {
  const thought = thinking === undefined ? {} : { thinking };
  const called = calls === undefined ? {} : { tool_calls: calls };
  return {
    model,
    created_at: new Date(now()).toISOString(),
    ...(form === "chat"
      ? { message: { role: "assistant", content, ...thought, ...called } }
      : { response: content, ...thought, ...called }),
    ...(logprobs !== undefined && { logprobs: encodeLogprobs(logprobs).content }),
  };
}
