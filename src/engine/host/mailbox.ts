import type { FinishReason, GenerationEvent, PromptLogprob, SampledLogprob } from "../../generation/event.ts";

/** Text that is still growing while nobody takes it. */
type OpenText = { readonly type: "text"; readonly choice: number; text: string; logprobs?: SampledLogprob[] };

/** What one score is counted as, against the memory that unread text may take. */
const SCORE_CHARS = 64;

/** One request's events that its reader has not taken yet: at most one text for each choice, however long the reader waits. */
type Mailbox = {
  started(promptTokens: number, cachedTokens: number): void;
  prompt(choice: number, logprobs: readonly PromptLogprob[]): void;
  text(choice: number, text: string, logprobs?: readonly SampledLogprob[]): void;
  finished(choice: number, reason: FinishReason, completionTokens: number, stopString?: string): void;
  /** The oldest event, or undefined when there is none. */
  take(): GenerationEvent | undefined;
  clear(): void;
  /** The length of all text that waits, in UTF-16 code units; log-probabilities count as text of about their size. */
  readonly unreadChars: number;
};

export function createMailbox(): Mailbox {
  let events: GenerationEvent[] = [];
  let unreadChars = 0;
  /** For each choice its text in `events`. New text goes there, past the other choices' events: only order within a choice counts. */
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
      open.set(choice, event);
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
