import type { CallForm, ToolsByName } from "./call-form.ts";
import type { Parsing } from "./parsing.ts";
import type { ReasoningMarks } from "./reasoning.ts";
import type { Source } from "./source.ts";

export type Tagged = {
  readonly form: CallForm;
  readonly marks: ReasoningMarks | undefined;
  /** Empty if nothing may be called: then calls are text. */
  readonly tools: ToolsByName;
  /** Whether the text begins inside the reasoning. */
  readonly reasoning: boolean;
};

/**
 * Reads a text with calls and reasoning between marks. Reasoning can only begin before any text. A call within it ends it, because the
 * grammar treats it so. An invalid call stays text.
 */
export function* readTagged(source: Source, { form, marks, tools, ...start }: Tagged): Parsing {
  const openings = tools.size > 0 ? form.openings : [];
  let reasoning = start.reasoning;
  if (reasoning) yield* source.skipSpace();
  else if (marks !== undefined) reasoning = yield* beginsReasoning(source, marks);

  while (!source.isDone) {
    const type = reasoning ? "reasoning" : "text";
    const met = yield* source.until(type, reasoning && marks !== undefined ? [marks.close, ...openings] : openings);
    if (met === undefined) return;
    if (reasoning && met.marker === marks?.close) {
      reasoning = false;
      yield* source.skipSpace();
      continue;
    }
    source.mark();
    if (yield* form.read(source, tools, met.marker)) {
      source.commit();
      reasoning = false;
      continue;
    }
    const isCut = source.isEnded;
    source.rewind();
    const begun = met.space + met.marker;
    if (isCut) yield { type: "cut", text: begun + (yield* source.some()), within: type };
    else yield { type, text: begun };
  }
}

function* beginsReasoning(source: Source, marks: ReasoningMarks): Parsing<boolean> {
  source.mark();
  yield* source.skipSpace();
  if (yield* source.take(marks.open)) {
    source.commit();
    yield* source.skipSpace();
    return true;
  }
  source.rewind();
  return false;
}
