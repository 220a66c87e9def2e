import type { GenerationEvent, SampledLogprob } from "../generation/event.ts";
import { createParser, type ParsedEvent, type Parsing } from "./parsing.ts";
import type { Source } from "./source.ts";

type TextEvent = Extract<GenerationEvent, { type: "text" }>;
type FinishedEvent = Extract<GenerationEvent, { type: "finished" }>;

/** Counts the tokens of a text. */
export type CountTokens = (text: string) => Promise<number>;

/** Turns the text of one choice into text, reasoning and tool calls. */
export type ChoiceReader = {
  readonly text: (event: TextEvent) => readonly GenerationEvent[];
  readonly finished: (event: FinishedEvent) => Promise<readonly GenerationEvent[]>;
};

export type ChoiceReaderOptions = {
  readonly read: (source: Source) => Parsing;
  /** Whether more than one call may be passed on. */
  readonly parallel: boolean;
  /** The openings after which the grammar allows only a call. */
  readonly triggers: readonly string[];
  /** The functions of which the grammar requires a call from the first token on; undefined if the model may choose. */
  readonly required: readonly string[] | undefined;
  /** Counts the tokens of the reasoning; undefined if the model doesn't reason. */
  readonly countTokens: CountTokens | undefined;
  /** The digits of the next call's id. */
  readonly callDigits: () => string;
};

export function createChoiceReader(options: ChoiceReaderOptions): ChoiceReader {
  const { read, parallel, triggers, required, countTokens, callDigits } = options;
  const parser = createParser(read);
  let calls = 0;
  let hasArguments = true;
  /** The last call's arguments so far. */
  let written = "";
  let logprobs: SampledLogprob[] = [];
  let reasoned = "";

  /** Gives every call JSON arguments: `{}` if there are none. */
  function closeCall(choice: number): GenerationEvent[] {
    if (hasArguments) return [];
    hasArguments = true;
    return [{ type: "toolArguments", choice, index: calls - 1, text: "{}" }];
  }

  function toEvents(choice: number, parsed: ParsedEvent): GenerationEvent[] {
    switch (parsed.type) {
      case "text":
        return [{ type: "text", choice, text: parsed.text, ...takeLogprobs() }];
      case "reasoning":
        logprobs = [];
        reasoned += parsed.text;
        return [{ type: "reasoning", choice, text: parsed.text }];
      case "call": {
        const own = takeLogprobs();
        const closing = closeCall(choice);
        calls++;
        if (isBeyond()) return closing;
        hasArguments = false;
        return [...closing, { ...beginCall(choice, parsed.name), ...own }];
      }
      case "arguments": {
        const own = takeLogprobs();
        if (isBeyond()) return [];
        hasArguments = true;
        written += parsed.text;
        return [{ type: "toolArguments", choice, index: calls - 1, text: parsed.text, ...own }];
      }
      case "closing":
      case "cut":
        throw new Error("The text continues after its end.");
    }
  }

  /** Those of the tokens since the last event. */
  function takeLogprobs(): { readonly logprobs?: readonly SampledLogprob[] } {
    const own = logprobs;
    logprobs = [];
    return own.length > 0 ? { logprobs: own } : {};
  }

  function beginCall(choice: number, name: string): Extract<GenerationEvent, { type: "toolCall" }> {
    written = "";
    return { type: "toolCall", choice, index: calls - 1, id: `call_${callDigits()}`, name };
  }

  /** Handles the rest of a text that the model itself ended: an incomplete call is text. */
  function settle(parsed: ParsedEvent): readonly ParsedEvent[] {
    if (parsed.type === "closing") return [{ type: "arguments", text: parsed.text }];
    if (parsed.type !== "cut") return [parsed];
    return isMarkup(parsed.text) ? [] : [{ type: parsed.within, text: parsed.text }];
  }

  /** The same for a text that was cut off: the certain beginning of a call is not text. */
  function settleCut(parsed: ParsedEvent): readonly ParsedEvent[] {
    if (parsed.type === "closing") return [];
    // Only another call may follow a call, and an answer with a required call has no text.
    const isHeld = calls > 0 || required !== undefined;
    if (parsed.type === "text") return isHeld ? [] : [parsed];
    if (parsed.type !== "cut") return [parsed];
    const isKnown = isHeld || triggers.some((trigger) => parsed.text.includes(trigger)) || isMarkup(parsed.text);
    return isKnown ? [] : [{ type: parsed.within, text: parsed.text }];
  }

  /** Whether the text was cut off right after a call, before anything else began. An incomplete end mark is ignored. */
  function isCompleteCall(left: readonly ParsedEvent[]): boolean {
    if (calls === 0 || !isJsonObject(written)) return false;
    return left.every(
      (parsed) => parsed.type === "arguments" || (parsed.type === "text" && !mayBegin(parsed.text.trim(), triggers)),
    );
  }

  /** Whether a further call is too many. The grammar forbids it, but a model may begin one without its trigger. */
  function isBeyond(): boolean {
    return !parallel && calls > 1;
  }

  /** Counts again, because the engine joins tokens that wait for a reader. If that fails, the usage has no reasoning tokens. */
  async function countReasoning({ completionTokens }: FinishedEvent): Promise<{ readonly reasoningTokens?: number }> {
    if (countTokens === undefined) return {};
    const reasoningTokens = reasoned === "" ? 0 : await countTokens(reasoned).catch(() => undefined);
    return reasoningTokens === undefined
      ? {}
      : { reasoningTokens: Math.min(reasoningTokens, completionTokens ?? reasoningTokens) };
  }

  return {
    text(event) {
      logprobs.push(...(event.logprobs ?? []));
      return joined(parser.push(event.text)).flatMap((parsed) => toEvents(event.choice, parsed));
    },
    async finished(event) {
      const { choice, reason } = event;
      const isCut = reason === "length" || event.stopString !== undefined;
      const left = joined(parser.end());
      const settled = left.map(isCut ? settleCut : settle);
      const last = settled.flat().flatMap((parsed) => toEvents(choice, parsed));
      // They belong to the dropped events.
      if (settled.some((parts) => parts.length === 0)) logprobs = [];
      const rest: GenerationEvent[] = logprobs.length > 0 ? [{ type: "text", choice, text: "", logprobs }] : [];
      const closing = reason === "length" ? nameOnly(choice) : closeCall(choice);
      const made = calls > 0 && (reason === "stop" || isCompleteCall(left)) ? "tool_calls" : reason;
      return [...last, ...closing, ...rest, { ...event, reason: made, ...(await countReasoning(event)) }];
    },
  };

  /** Makes a call that was cut off before its name, if only one function is possible. */
  function nameOnly(choice: number): readonly GenerationEvent[] {
    const [name] = required ?? [];
    if (calls > 0 || name === undefined || required?.length !== 1) return [];
    calls = 1;
    return [beginCall(choice, name)];
  }
}

/** Whether a text is a control token, which never occurs in plain text. */
function isMarkup(text: string): boolean {
  return /^\s*<\|(?:channel|start|message)\|>/.test(text);
}

/** Whether `text` is a prefix of one of `marks`, and longer than one character. */
function mayBegin(text: string, marks: readonly string[]): boolean {
  return text.length > 1 && marks.some((mark) => mark.startsWith(text));
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

/** Joins consecutive events of the same type. */
function joined(events: readonly ParsedEvent[]): readonly ParsedEvent[] {
  const result: ParsedEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (
      last !== undefined &&
      (last.type === "text" || last.type === "reasoning" || last.type === "arguments") &&
      event.type === last.type
    ) {
      result[result.length - 1] = { type: last.type, text: last.text + event.text };
    } else {
      result.push(event);
    }
  }
  return result;
}
