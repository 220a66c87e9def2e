import type { GenerationEvent } from "../../generation/event.ts";
import { readJsonText } from "../../json/parse.ts";
import type { Tally } from "../tally.ts";
import { type Answer, encodeMessage, encodeStop, encodeUsage, type Finished, signThinking } from "./answer.ts";

/** A block that is being generated. The `text` of a call is its arguments' JSON. */
type GrowingBlock =
  | { readonly type: "text"; text: string }
  | { readonly type: "thinking"; text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; text: string };

/** Reads all `events` and returns the message. Rethrows their errors, and throws if the answer has not finished. */
export async function encodeWholeMessage(answer: Answer, events: AsyncIterable<GenerationEvent>, tally: Tally) {
  const blocks: GrowingBlock[] = [];
  let finished: Finished | undefined;
  let hasRefused = false;
  let thinkingTokens: number | undefined;

  function grow(type: "text" | "thinking", text: string): void {
    const last = blocks.at(-1);
    if (last?.type === type) {
      last.text += text;
    } else if (text !== "") {
      blocks.push({ type, text });
    }
  }
  for await (const event of events) {
    tally.note(event);
    switch (event.type) {
      case "started":
      case "prompt":
        break;
      case "usage":
        thinkingTokens = event.reasoningTokens;
        break;
      case "refusal":
        hasRefused = true;
        grow("text", event.text);
        break;
      case "text":
        grow("text", event.text);
        break;
      case "reasoning":
        grow("thinking", event.text);
        break;
      case "toolCall":
        blocks.push({ type: "tool_use", id: event.id, name: event.name, text: "" });
        break;
      case "toolArguments": {
        const call = blocks.filter((block) => block.type === "tool_use")[event.index];
        if (call === undefined) {
          throw new Error(`Arguments arrived for call ${event.index}, which has not begun.`);
        }
        call.text += event.text;
        break;
      }
      case "finished":
        finished = event;
    }
  }
  tally.assertComplete();
  if (finished === undefined) {
    throw new Error("The generation is complete, but has no `finished` event.");
  }
  const content = blocks.map((block) => encodeBlock(block, answer));
  const counts = tally.counts();
  return encodeMessage(
    answer,
    content,
    encodeStop({ finished, counts, hasRefused }, answer),
    encodeUsage(counts, finished.reasoningTokens ?? thinkingTokens, tally.cost()),
  );
}

function encodeBlock(block: GrowingBlock, { showThinking }: Answer) {
  switch (block.type) {
    case "text":
      return { type: "text", text: block.text, citations: null };
    case "thinking":
      return { type: "thinking", thinking: showThinking ? block.text : "", signature: signThinking(block.text) };
    case "tool_use":
      return {
        type: "tool_use",
        id: block.id,
        name: block.name,
        input: parseArguments(block.text),
        caller: { type: "direct" },
      };
  }
}

/**
 * Parses a call's arguments and keeps numbers as written. Returns `{}` for a call that was cut off (see `stop_reason`), and for arguments
 * that exceed a request's limits, because the client couldn't send them back.
 */
function parseArguments(text: string): unknown {
  try {
    const read = readJsonText(text);
    return "value" in read ? read.value : {};
  } catch {
    return {};
  }
}
