import type { FinishReason, GenerationEvent, PromptLogprob, SampledLogprob } from "../../generation/event.ts";

/** A text event that the reader has not taken, to which more text is appended. */
type OpenText = { readonly type: "text"; readonly choice: number; text: string; logprobs?: SampledLogprob[] };

/** How many characters one log-probability counts as, for the limit of unread text. */
const SCORE_CHARS = 64;

/** The events of one request that its reader has not taken. Text is merged, so there is at most one text event per choice. */
type Mailbox = {
  started(promptTokens: number, cachedTokens: number): void;
  prompt(choice: number, logprobs: readonly PromptLogprob[]): void;
  text(choice: number, text: string, logprobs?: readonly SampledLogprob[]): void;
  finished(choice: number, reason: FinishReason, completionTokens: number, stopString?: string): void;
  /** Removes and returns the oldest event; undefined if there is none. */
  take(): GenerationEvent | undefined;
  clear(): void;
  /** The length of all text in it, in UTF-16 code units. Log-probabilities count as text of about their size. */
  readonly unreadChars: number;
};

/** @param joins whether text that waits is joined; true by default */
export function createMailbox(joins = true): Mailbox {
  let events: GenerationEvent[] = [];
  let unreadChars = 0;
  /** The text event of each choice in `events`. New text is appended to it: only the order within a choice matters. */
  const open = new Map<number, OpenText>();

  return {
    started(promptTokens, cachedTokens) {
      events.push({ type: "started", promptTokens, cachedTokens });
    },
    prompt(choice, logprobs) {
      unreadChars += sizeOf(logprobs);
      events.push({ type: "prompt", choice, logprobs });
    },
    text(choice, text, logprobs) {
      unreadChars += text.length + sizeOf(logprobs);
      const waiting = open.get(choice);
      if (waiting !== undefined) {
        waiting.text += text;
        if (logprobs !== undefined) {
          waiting.logprobs ??= [];
          waiting.logprobs.push(...logprobs);
        }
        return;
      }
      const event: OpenText = { type: "text", choice, text, ...(logprobs && { logprobs: [...logprobs] }) };
      if (joins) open.set(choice, event);
      events.push(event);
    },
    finished(choice, reason, completionTokens, stopString) {
      const which = stopString === undefined ? {} : { stopString };
      events.push({ type: "finished", choice, reason, completionTokens, ...which });
    },
    take() {
      const event = events.shift();
      if (event?.type === "text") {
        open.delete(event.choice);
        unreadChars -= event.text.length + sizeOf(event.logprobs);
      }
      if (event?.type === "prompt") unreadChars -= sizeOf(event.logprobs);
      return event;
    },
    clear() {
      events = [];
      open.clear();
      unreadChars = 0;
    },
    get unreadChars() {
      return unreadChars;
    },
  };
}

function sizeOf(logprobs: readonly Pick<SampledLogprob, "top">[] = []): number {
  return logprobs.reduce((sum, { top }) => sum + SCORE_CHARS * (1 + top.length), 0);
}
