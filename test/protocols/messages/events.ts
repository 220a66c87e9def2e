import type { GenerationEvent } from "../../../src/generation/event.ts";

type Finished = Extract<GenerationEvent, { type: "finished" }>;

/** A prompt of 12 tokens, of which 4 are cached. */
export function started(): GenerationEvent {
  return { type: "started", promptTokens: 12, cachedTokens: 4 };
}

export function text(content: string): GenerationEvent {
  return { type: "text", choice: 0, text: content };
}

export function reasoning(content: string): GenerationEvent {
  return { type: "reasoning", choice: 0, text: content };
}

/** A call of the tool `tool_` and its id, with its arguments in `pieces`. */
export function call(index: number, id: string, pieces: readonly string[]): GenerationEvent[] {
  return [
    { type: "toolCall", choice: 0, index, id, name: `tool_${id}` },
    ...pieces.map((piece) => ({ type: "toolArguments", choice: 0, index, text: piece }) as const),
  ];
}

export function finished(end: Partial<Omit<Finished, "type" | "choice">> = {}): Finished {
  return { type: "finished", choice: 0, reason: "stop", completionTokens: 3, ...end };
}
