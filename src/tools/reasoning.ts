/** How a family of models marks its reasoning. */
export type ReasoningMarks = { readonly open: string; readonly close: string };

const MARKS: readonly ReasoningMarks[] = [
  // Gemma 4's.
  { open: "<|channel>thought", close: "<channel|>" },
  // Magistral's and Ministral's.
  { open: "[THINK]", close: "[/THINK]" },
  { open: "<think>", close: "</think>" },
];

/** Returns the marks of a model by its chat template; undefined if the template shows no reasoning. */
export function reasoningMarks(template: string): ReasoningMarks | undefined {
  return MARKS.find(({ close }) => template.includes(close));
}

/**
 * Whether the template itself opens the reasoning right before the answer, so that the answer lacks the opening mark.
 *
 * The template is searched, not rendered: it ends with the text after a conversation, which has the mark alone, or beside a closed pair for
 * requests without reasoning.
 *
 * @param wanted `enable_thinking`, if the request sets it
 */
export function opensReasoning(template: string, marks: ReasoningMarks, wanted: boolean | undefined): boolean {
  const start = template.lastIndexOf("add_generation_prompt");
  if (start < 0) return false;
  const ending = template.slice(start);
  const pairs = new RegExp(`${escapePattern(marks.open)}(?:\\\\n|\\s)*${escapePattern(marks.close)}`, "g");
  const closed = ending.match(pairs)?.length ?? 0;
  const opened = ending.split(marks.open).length - 1 - closed;
  if (opened <= 0) return false;
  if (closed === 0 && !ending.includes(marks.close))
    return /\bif (?:enable_)?thinking\b(?! is)/.test(ending) ? wanted === true : true;
  return wanted ?? !isOffByDefault(ending);
}

/** DeepSeek V3.1 has `if not thinking`, which is true for an unset variable. Others test whether it is defined and false. */
function isOffByDefault(ending: string): boolean {
  return /\bnot (?:enable_)?thinking\b(?! is)/.test(ending) && !/thinking is defined/.test(ending);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
