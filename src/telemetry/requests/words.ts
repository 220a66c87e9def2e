import type { Difference, Place } from "./prefix/compare.ts";
import type { PrefixReport } from "./prefix/report.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** A time for people, such as `85 ms`, `3.2 s` and `2 min 5 s`. */
export function showMs(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  const seconds = Math.round(ms / SECOND_MS);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Such as `1 token` and `3,000 tokens`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** What the prefix doctor found, in a sentence or two. */
export function tellPrefix(report: PrefixReport): string {
  switch (report.type) {
    case "unknown":
      return report.reason === "busy"
        ? "The prompt was not examined: too many others were waiting for that."
        : "The prompt was not evaluated here, so there is no prefix to reuse.";
    case "reused":
      return "All of the prompt that was evaluated before was reused.";
    case "new":
      return "No recent prompt of this model begins like it.";
    case "not_held":
      return `${lostOf(report)} at the beginning of the prompt were evaluated before, for ${report.earlier}, but ${sinceOf(report.since)}.`;
    case "differs":
      return `${upper(differenceOf(report.difference))} in ${placeOf(report.place)} is not as it was in ${report.earlier}. ${lostOf(report)} after it are the same, and were evaluated again: put what changes behind them.`;
  }
}

function lostOf({ tokens, ms }: { readonly tokens: number; readonly ms: number }): string {
  return `${counted(tokens, "token")} (${showMs(ms)})`;
}

function sinceOf(since: Extract<PrefixReport, { readonly type: "not_held" }>["since"]): string {
  switch (since.type) {
    case "unfinished":
      return "that was not finished yet";
    case "loaded":
      return "the model was loaded again since then";
    case "others":
      return since.count === 0
        ? "they were not held any more"
        : `${counted(since.count, "other request")} took their place since then`;
  }
}

function differenceOf(difference: Difference): string {
  switch (difference.type) {
    case "kind":
      return difference.word;
    case "text":
      return "the text";
    case "order":
      return "the order of what comes from here on";
    case "added":
      return added(difference, "more");
    case "removed":
      return added(difference, "fewer");
  }
}

function added({ pieces, messages }: { readonly pieces: number; readonly messages: number }, word: string): string {
  const [count, noun] = messages > 0 ? [messages, "message"] : [pieces, "line"];
  return `${count} ${word} ${noun}${count === 1 ? "" : "s"}`;
}

function placeOf({ role, index, line }: Place): string {
  switch (role) {
    case "tools":
      return `tool ${index + 1}`;
    case "text":
      return `line ${line} of the prompt`;
    case "system":
      return index === 0 ? `line ${line} of the system text` : `line ${line} of message ${index + 1} (system)`;
    default:
      return `line ${line} of message ${index + 1} (${role})`;
  }
}

function upper(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
