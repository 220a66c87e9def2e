import type { FinishReason, GenerationEvent } from "../generation/event.ts";

/** What an answer says. */
export type Said = {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
};

/** Longer answers are not compared. */
const MAX_CHARACTERS = 100_000;

/** Follows an answer, also one that is passed on in its client's protocol. */
export type Listener = {
  readonly note: (event: GenerationEvent) => void;
  /** Undefined if the answer is too long or has no end, if it was cut off and that isn't `fine`, or if it says something that can't be compared. */
  readonly said: (cut?: "fine") => Said | undefined;
};

export function createListener(): Listener {
  let text = "";
  const calls: { name: string; arguments: string }[] = [];
  let frames = "";
  let end: FinishReason | undefined;
  let isLost = false;

  return {
    note(event) {
      switch (event.type) {
        case "text":
          text += event.text;
          break;
        case "frames":
          frames += event.text;
          break;
        case "toolCall":
          calls[event.index] = { name: event.name, arguments: "" };
          break;
        case "toolArguments": {
          const call = calls[event.index];
          if (call !== undefined) call.arguments += event.text;
          break;
        }
        case "refusal":
          isLost = true;
          break;
        case "finished":
          end = event.reason;
          break;
      }
      if (text.length + frames.length / 8 > MAX_CHARACTERS) isLost = true;
      if (isLost) [text, frames] = ["", ""];
    },
    said(cut) {
      const isWhole = end === "stop" || end === "tool_calls" || (end === "length" && cut === "fine");
      if (!isWhole || isLost) return undefined;
      return frames === "" ? { text, calls } : readFrames(frames);
    },
  };
}

/** Reads what is said in OpenAI's or Anthropic's form, streamed or whole. Undefined if there are calls, or if it can't be read. */
function readFrames(frames: string): Said | undefined {
  const isStream = /^(event|data|:)/m.test(frames.slice(0, 64)) && !frames.trimStart().startsWith("{");
  const jsons = isStream ? [...frames.matchAll(/^data: ?(\{.*)$/gm)].map(([, json = ""]) => json) : [frames];
  let text = "";
  try {
    for (const json of jsons) {
      const message: unknown = JSON.parse(json);
      const { choices, delta, content } = Object(message);
      const parts = [Object(choices)[0]?.delta, Object(choices)[0]?.message, delta, { content }];
      for (const part of parts) {
        const { tool_calls: calls, content: said, text: piece, partial_json: argument } = Object(part);
        if ((Array.isArray(calls) && calls.length > 0) || argument !== undefined) return undefined;
        text += textOf(said) + textOf(piece);
      }
    }
  } catch {
    return undefined;
  }
  return { text, calls: [] };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map((part: unknown) => textOf(Object(part).text)).join("") : "";
}
