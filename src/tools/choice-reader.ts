import { randomBytes } from "node:crypto";
import type { GenerationEvent, SampledLogprob } from "../generation/event.ts";
import { createParser, type ParsedEvent, type Parsing } from "./parsing.ts";
import type { Source } from "./source.ts";

type TextEvent = Extract<GenerationEvent, { type: "text" }>;
type FinishedEvent = Extract<GenerationEvent, { type: "finished" }>;

/** How many tokens a text has. */
export type CountTokens = (text: string) => Promise<number>;

/** Makes of one choice's text what it says: text, reasoning and calls. */
export type ChoiceReader = {
  readonly text: (event: TextEvent) => readonly GenerationEvent[];
  readonly finished: (event: FinishedEvent) => Promise<readonly GenerationEvent[]>;
};

export type ChoiceReaderOptions = {
  readonly read: (source: Source) => Parsing;
  /** Whether more than one call is passed on. */
  readonly parallel: boolean;
  /** Counts the tokens of what was reasoned; undefined where the model doesn't reason. */
  readonly countTokens: CountTokens | undefined;
};

export function createChoiceReader({ read, parallel, countTokens }: ChoiceReaderOptions): ChoiceReader {
  const parser = createParser(read);
  let calls = 0;
  let hasArguments = true;
  let logprobs: SampledLogprob[] = [];
  let reasoned = "";

  /** Every call has arguments in JSON, if only none. */
  function closeCall(choice: number): GenerationEvent[] {
    if (hasArguments) return [];
    hasArguments = true;
    return [{ type: "toolArguments", choice, index: calls - 1, text: "{}" }];
  }

  function toEvents(choice: number, parsed: ParsedEvent): GenerationEvent[] {
    switch (parsed.type) {
      case "text": {
        const own = logprobs;
        logprobs = [];
        return [{ type: "text", choice, text: parsed.text, ...(own.length > 0 ? { logprobs: own } : {}) }];
      }
      case "reasoning":
        logprobs = [];
        reasoned += parsed.text;
        return [{ type: "reasoning", choice, text: parsed.text }];
      case "call": {
        logprobs = [];
        const closing = closeCall(choice);
        calls++;
        if (isBeyond()) return closing;
        hasArguments = false;
        const id = `call_${randomBytes(12).toString("hex")}`;
        return [...closing, { type: "toolCall", choice, index: calls - 1, id, name: parsed.name }];
      }
      case "arguments":
        logprobs = [];
        if (isBeyond()) return [];
        hasArguments = true;
        return [{ type: "toolArguments", choice, index: calls - 1, text: parsed.text }];
    }
  }
  /** A call too many. The grammar allows none, but a model may begin one without its trigger. */
  function isBeyond(): boolean {
    return !parallel && calls > 1;
  }

  /** The engine joins what waits for a reader, so its tokens are not told apart here. What can't be counted is left out of the answer's usage. */
  async function countReasoning({ completionTokens }: FinishedEvent): Promise<{ readonly reasoningTokens?: number }> {
    if (countTokens === undefined) return {};
    const reasoningTokens = reasoned === "" ? 0 : await countTokens(reasoned).catch(() => undefined);
    return reasoningTokens === undefined ? {} : { reasoningTokens: Math.min(reasoningTokens, completionTokens) };
  }

  return {
    text(event) {
      logprobs.push(...(event.logprobs ?? []));
      return joined(parser.push(event.text)).flatMap((parsed) => toEvents(event.choice, parsed));
    },
    async finished(event) {
      const { choice } = event;
      // After a call only another may come: what is left of an answer that was cut off there is a piece of a mark, not text.
      const cutAfterCall = calls > 0 && event.reason === "length";
      const left = joined(parser.end()).filter(({ type }) => type !== "text" || !cutAfterCall);
      const last = left.flatMap((parsed) => toEvents(choice, parsed));
      const rest: GenerationEvent[] = logprobs.length > 0 ? [{ type: "text", choice, text: "", logprobs }] : [];
      const reason = calls > 0 && event.reason === "stop" ? "tool_calls" : event.reason;
      const closing = event.reason === "stop" ? closeCall(choice) : [];
      return [...last, ...closing, ...rest, { ...event, reason, ...(await countReasoning(event)) }];
    },
  };
}

/** What follows each other and is of one kind, as one. */
function joined(events: readonly ParsedEvent[]): readonly ParsedEvent[] {
  const result: ParsedEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (last !== undefined && last.type !== "call" && event.type === last.type) {
      result[result.length - 1] = { type: last.type, text: last.text + event.text };
    } else {
      result.push(event);
    }
  }
  return result;
}
