import { type CostOf, encodeCost } from "../generation/cost.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { GenerationRequest } from "../generation/request.ts";
import type { Verbatim } from "../generation/verbatim.ts";
import { isJsonObject } from "../json/exact-number.ts";
import { replaceMembers } from "../json/members.ts";
import type { Reader, Target } from "./api.ts";
import { brokenAnswer } from "./failures.ts";
import { DONE, MAX_EVENT_LENGTH, parse, tooLong } from "./messages.ts";
import type { Passing } from "./passing.ts";

/** Reads an answer that is passed on, text by text. */
export type Passer = Pick<Reader, "isComplete" | "isLast" | "end"> & {
  readonly note: (text: string) => GenerationEvent[];
};

/** The client's own body, with the upstream's name of the model and what else must differ. */
export function writePassed(
  passing: Passing,
  { maxTokens }: Pick<GenerationRequest, "maxTokens">,
  verbatim: Verbatim,
  target: Target,
): { readonly path: string; readonly body: string } {
  const body = replaceMembers(verbatim.text, {
    ...passing.changes(verbatim, target),
    model: JSON.stringify(target.model),
    // A limit of the key or the model.
    ...(maxTokens !== verbatim.maxTokens && { [passing.lengthField(verbatim, target)]: String(maxTokens) }),
  });
  return { path: passing.paths[verbatim.protocol] ?? "", body };
}

export type PasserOptions = {
  readonly passing: Passing;
  readonly request: Pick<GenerationRequest, "model">;
  readonly verbatim: Verbatim;
  /** Understands those messages that tell of ends, usage and failures. */
  readonly reader: Reader;
  readonly upstream: string;
  readonly costOf: CostOf;
};

/** A message of a stream is taken for one token, of about so many characters. */
const CHARACTERS_OF_A_MESSAGE = 4;

/** A stream with more characters has no end. */
const MAX_STREAM_LENGTH = 128 * 1024 * 1024;

/** Passes on an answer that is one JSON text: it is read once, for its usage. */
export function passWhole({ passing, request, verbatim, reader, upstream, costOf }: PasserOptions): Passer {
  return {
    ...reader,
    note(text) {
      const data = parse(upstream, text);
      const events = reader.note({ data });
      if (!reader.isComplete()) throw brokenAnswer(upstream, "gave an empty answer");
      const frames = passing.renamer(verbatim.answerId, request.model)(withCost(text, data, reader, costOf)) ?? "";
      return [{ type: "started" }, { type: "frames", text: frames }, ...events.filter(isAccount)];
    },
    end: () => reader.end().filter(isAccount),
  };
}

/**
 * Passes on a stream of events as they come, with the client's names of the answer and the model. Only those that tell of an end, of usage or of
 * a failure are read. Comments and fields that clients of these APIs don't read are left out.
 */
export function passStream({ passing, request, verbatim, reader, upstream, costOf }: PasserOptions): Passer {
  const rename = passing.renamer(verbatim.answerId, request.model);
  const blocks = createBlocks(upstream);
  let length = 0;
  let hasSpoken = false;
  /** What only begins the answer, such as a role, waits for more, so that until then another server may answer. */
  let waiting = "";
  let events: GenerationEvent[] = [{ type: "started" }];
  /** What the stream fails with, after what came before it was passed on. */
  let failure: { readonly error: unknown } | undefined;

  function noteBlocks(text: string): void {
    if (failure !== undefined) throw failure.error;
    length += text.length;
    if (length > MAX_STREAM_LENGTH) throw brokenAnswer(upstream, "sent an answer without an end");
    try {
      for (const block of blocks(text)) noteBlock(block);
    } catch (error) {
      if (!hasSpoken || waiting === "") throw error;
      failure = { error };
    }
  }

  function noteBlock(block: string): void {
    const { event, data } = readBlock(block);
    let sent = data;
    if (data === "" || reader.isLast()) return;
    if (data === "[DONE]") {
      reader.note({ data: DONE });
      return;
    }
    const isObject = data.startsWith("{") && data.endsWith("}");
    if (isObject && passing.isPlain(event, data)) {
      reader.skip(CHARACTERS_OF_A_MESSAGE);
      hasSpoken ||= passing.says(data);
    } else {
      const value = parse(upstream, data);
      events.push(...reader.note({ event, data: value }).filter(isAccount));
      hasSpoken ||= passing.says(data) || reader.isComplete();
      if (!passing.isWanted(verbatim, value)) return;
      sent = withCost(data, value, reader, costOf);
    }
    const renamed = rename(sent);
    // Which fails for what is no object of JSON.
    if (renamed === undefined) parse(upstream, data);
    else waiting += passing.frame(event, renamed);
  }

  return {
    ...reader,
    note(text) {
      noteBlocks(text);
      const accounts = events;
      events = [];
      if (!hasSpoken || waiting === "") return accounts;
      const frames: GenerationEvent = { type: "frames", text: waiting };
      waiting = "";
      return accounts[0]?.type === "started" ? [accounts[0], frames, ...accounts.slice(1)] : [frames, ...accounts];
    },
    end: () => reader.end().filter(isAccount),
  };
}

/** The message with the cost in its usage, if it has one and the price is known. */
function withCost(json: string, value: unknown, reader: Reader, costOf: CostOf): string {
  const usage = reader.told();
  if (usage === undefined || !isJsonObject(value) || !isJsonObject(value.usage)) return json;
  const { promptTokens: prompt, cachedTokens: cached, completionTokens: completion, cost: told } = usage;
  const fields = encodeCost(costOf({ prompt, cached, completion, ...(told !== undefined && { told }) }));
  if (Object.keys(fields).length === 0) return json;
  return replaceMembers(json, { usage: JSON.stringify({ ...value.usage, ...fields }) });
}

function isAccount({ type }: GenerationEvent): boolean {
  return type === "finished" || type === "usage";
}

/** Cuts a stream at its empty lines. An event that comes in small pieces is put together once, when it has ended. */
function createBlocks(upstream: string): (text: string) => readonly string[] {
  let pieces: string[] = [];
  let length = 0;
  let isAfterReturn = false;

  function take(more: string): string {
    const block = pieces.length === 0 ? more : pieces.join("") + more;
    pieces = [];
    length = 0;
    return block;
  }

  return (come) => {
    let text = isAfterReturn ? `\r${come}` : come;
    isAfterReturn = text.endsWith("\r");
    if (isAfterReturn) text = text.slice(0, -1);
    if (text.includes("\r")) text = text.replaceAll(/\r\n?/g, "\n");
    const blocks: string[] = [];
    let from = 0;
    if (text.startsWith("\n") && pieces.at(-1)?.endsWith("\n") === true) {
      blocks.push(take(""));
      from = 1;
    }
    for (let end = text.indexOf("\n\n", from); end >= 0; end = text.indexOf("\n\n", from)) {
      blocks.push(take(text.slice(from, end)));
      from = end + 2;
    }
    if (from < text.length) {
      pieces.push(text.slice(from));
      length += text.length - from;
    }
    if (length > MAX_EVENT_LENGTH) throw tooLong(upstream);
    return blocks;
  };
}

function readBlock(block: string): { readonly event: string | undefined; readonly data: string } {
  if (block.startsWith("data: ") && !block.includes("\n"))
    return { event: undefined, data: block.slice("data: ".length) };
  let event: string | undefined;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^(event|data)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "data") data.push(value);
    else if (name === "event" && /^[\w.-]{1,64}$/.test(value)) event = value;
  }
  // Line breaks in JSON stand between its tokens.
  return { event, data: data.join(" ").trim() };
}
