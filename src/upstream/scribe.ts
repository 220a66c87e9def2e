import { randomUUID } from "node:crypto";
import type { FinishReason, GenerationEvent, SampledLogprob, Usage } from "../generation/event.ts";
import { type GenerationRequest, IMAGE_TOKENS, imagesOf } from "../generation/request.ts";

/** More calls in one turn are a defect of the server. */
const MAX_CALLS = 1_024;
const MAX_TOKENS = 1_000_000_000;
/** A longer answer is ended here: a whole one is held in memory, and a server may go on without end. */
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** A token has about so many characters. */
const CHARACTERS_OF_A_TOKEN = 4;

/** A call that the server tells of: its place, and what tells it from others there. */
type CallPiece = {
  readonly place: number | undefined;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly arguments?: string | undefined;
};

/** Writes the events of one answer, in an order that holds for all of them, whatever the server does. */
export type Scribe = {
  readonly text: (choice: number, text: string, logprobs?: readonly SampledLogprob[]) => void;
  readonly reasoning: (choice: number, text: string) => void;
  readonly refusal: (choice: number, text: string) => void;
  readonly call: (choice: number, piece: CallPiece) => void;
  readonly finish: (choice: number, reason: FinishReason, stopString?: string) => void;
  readonly usage: (usage: Usage) => void;
  /** The usage that was told so far, if it can be. */
  readonly told: () => Usage | undefined;
  /** Counts characters of the answer that are in no event. */
  readonly skip: (characters: number) => void;
  /** The events since the last call. */
  readonly take: () => GenerationEvent[];
  /** Whether the answer is as long as any may be, so that it ends here. */
  readonly isFull: () => boolean;
  /** Whether every choice has ended. */
  readonly isFinished: () => boolean;
  /** The last events. Choices without an end get one. */
  readonly end: () => GenerationEvent[];
};

type Choice = { calls: { id: string | undefined; place: number | undefined }[]; isFinished: boolean };

export function createScribe(request: Pick<GenerationRequest, "choices" | "prompt">): Scribe {
  const choices = Array.from({ length: request.choices }, (): Choice => ({ calls: [], isFinished: false }));
  let events: GenerationEvent[] = [{ type: "started" }];
  let told: Usage | undefined;
  let heardCharacters = 0;
  let heardScores = 0;

  /** What is not asked for, or comes after its end, is left out. */
  function open(choice: number): Choice | undefined {
    const found = choices[choice];
    return found?.isFinished === false ? found : undefined;
  }

  function isFull(): boolean {
    return heardCharacters + heardScores > MAX_CHARACTERS;
  }

  function say(type: "reasoning" | "refusal", choice: number, text: string): void {
    if (text === "" || open(choice) === undefined) return;
    heardCharacters += text.length;
    events.push({ type, choice, text });
  }

  const scribe: Scribe = {
    text(choice, text, logprobs) {
      if ((text === "" && logprobs === undefined) || open(choice) === undefined) return;
      heardCharacters += text.length;
      heardScores += logprobs?.length ?? 0;
      events.push({ type: "text", choice, text, ...(logprobs !== undefined && { logprobs }) });
    },
    reasoning: (choice, text) => say("reasoning", choice, text),
    refusal: (choice, text) => say("refusal", choice, text),
    call(choice, { place, id, name, arguments: text = "" }) {
      const of = open(choice);
      if (of === undefined) return;
      let index = of.calls.findLastIndex((call) => call.place === place);
      // Some servers give all calls the same place, and an id to each.
      const isNew = index < 0 || (id !== undefined && name !== undefined && of.calls[index]?.id !== id);
      if (isNew) {
        if (name === undefined || name === "" || of.calls.length >= MAX_CALLS) return;
        index = of.calls.length;
        of.calls.push({ id, place });
        heardCharacters += name.length;
        events.push({ type: "toolCall", choice, index, id: id || newCallId(), name });
      }
      if (text !== "") {
        heardCharacters += text.length;
        events.push({ type: "toolArguments", choice, index, text });
      }
    },
    finish(choice, reason, stopString) {
      const of = open(choice);
      if (of === undefined) return;
      of.isFinished = true;
      const isCalling = reason === "stop" && of.calls.length > 0;
      events.push({
        type: "finished",
        choice,
        reason: isCalling ? "tool_calls" : reason,
        ...(stopString !== undefined && { stopString }),
      });
    },
    usage(usage) {
      if (isPlausible(usage)) told = usage;
    },
    told: () => told,
    skip(characters) {
      heardCharacters += characters;
    },
    take() {
      const taken = events;
      events = [];
      return taken;
    },
    isFull,
    isFinished: () => choices.every(({ isFinished }) => isFinished),
    end() {
      for (const choice of choices.keys()) scribe.finish(choice, isFull() ? "length" : "stop");
      events.push({ type: "usage", ...(told ?? estimate(request.prompt, heardCharacters)) });
      return scribe.take();
    },
  };
  return scribe;
}

function newCallId(): string {
  return `call_${randomUUID().replaceAll("-", "").slice(0, 24)}`;
}

function isPlausible({ promptTokens, cachedTokens, completionTokens, reasoningTokens = 0 }: Usage): boolean {
  return [promptTokens, cachedTokens, completionTokens, reasoningTokens].every(
    (count) => Number.isInteger(count) && count >= 0 && count <= MAX_TOKENS,
  );
}

/** What a server that tells no usage, or an impossible one, is taken to have used. */
function estimate(prompt: GenerationRequest["prompt"], completionCharacters: number): Usage {
  const promptTokens =
    prompt.type === "tokens" ? prompt.tokens.length : Math.ceil(sizeOf(prompt) / CHARACTERS_OF_A_TOKEN);
  const completionTokens = Math.ceil(completionCharacters / CHARACTERS_OF_A_TOKEN);
  return { promptTokens, cachedTokens: 0, completionTokens };
}

function sizeOf(prompt: Exclude<GenerationRequest["prompt"], { type: "tokens" }>): number {
  switch (prompt.type) {
    case "chat":
      return prompt.messages.reduce(
        (sum, message) =>
          sum + message.content.length + imagesOf(message).length * IMAGE_TOKENS * CHARACTERS_OF_A_TOKEN,
        0,
      );
    case "text":
      return prompt.text.length;
    case "infill":
      return prompt.prefix.length + prompt.suffix.length;
  }
}
