import type { CompareOptions } from "./options.ts";
import { roomFor } from "./rates.ts";
import type { Subject } from "./score-beside.ts";
import type { Steps } from "./show-steps.ts";

/** Tells once, after the first turn, about how long all will take: time goes with the sizes of the models and the number of tokens. */
export function estimateTime(
  subjects: readonly { readonly model: Pick<Subject["model"], "sizeBytes"> }[],
  { contexts, repeats, tokens }: Pick<CompareOptions, "contexts" | "repeats" | "tokens">,
  { note }: Pick<Steps, "note">,
  now = () => performance.now(),
): {
  /** Called before each turn, and after the last. */
  readonly onTurn: (subject?: (typeof subjects)[number]) => void;
} {
  const sizes = subjects.reduce((sum, { model }) => sum + model.sizeBytes, 0);
  let first: { readonly sizeBytes: number; readonly begunMs: number } | undefined;
  let isTold = false;
  return {
    onTurn(subject) {
      if (first === undefined) {
        if (subject !== undefined) first = { sizeBytes: subject.model.sizeBytes, begunMs: now() };
        return;
      }
      if (isTold) return;
      isTold = true;
      const turnMs = (now() - first.begunMs) * (sizes / Math.max(1, first.sizeBytes));
      const ms = turnMs * (repeats + tokens / roomFor(contexts));
      note(`All of it takes about ${showTime(ms)}. Less --repeats, --contexts and --tokens take less.`);
    },
  };
}

function showTime(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
