import type { GrammarBuilder } from "../../grammar/builder.ts";
import { type CallGrammar, eachFunction, type ToolsByName } from "../call-form.ts";
import type { Parsing } from "../parsing.ts";
import type { Source } from "../source.ts";

/** Ends the header of a message. gpt-oss writes a recipient and a channel in it. */
const BODY = "<|message|>";
/** The marks that end an answer. */
const LAST: readonly string[] = ["<|end|>", "<|call|>", "<|return|>"];
const ENDS = [...LAST, "<|start|>", "<|channel|>"];

/** The texts that begin a call. */
export const HARMONY_TRIGGERS: readonly string[] = [" to=functions."];

/**
 * Reads OpenAI's harmony format, from after `<|start|>assistant`: `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final…`.
 * The analysis channel is reasoning; a message to `functions.f` is a call of f; all else is text, also without headers.
 */
export function* readHarmony(source: Source, tools: ToolsByName): Parsing {
  let opening = "";
  while (!source.isDone) {
    source.mark();
    const isHeader = opening !== "" || (yield* beginsHeader(source));
    const header = isHeader ? yield* source.upTo([BODY]) : undefined;
    if (header === undefined) {
      const isCut = isHeader && source.isEnded;
      source.rewind();
      if (isCut) {
        const rest = yield* source.some();
        if (rest !== "" || !LAST.includes(opening)) yield { type: "cut", text: opening + rest, within: "text" };
        return;
      }
      const met = yield* source.until("text", ENDS);
      opening = met?.marker ?? "";
      continue;
    }
    source.commit();
    const head = opening + header.text;
    const name = head.match(/to=functions\.([^\s<]+)/)?.[1];
    if (name !== undefined && tools.has(name)) {
      yield { type: "call", name };
      yield* source.skipSpace();
      opening = (yield* source.until("arguments", ENDS))?.marker ?? "";
    } else {
      const type = head.includes("<|channel|>analysis") ? "reasoning" : "text";
      opening = (yield* source.until(type, ENDS))?.marker ?? "";
    }
  }
}

function* beginsHeader(source: Source): Parsing<boolean> {
  yield* source.skipSpace();
  for (const beginning of ["<|channel|>", "<|start|>", "to="]) {
    if (yield* source.take(beginning)) {
      source.unread(beginning);
      return true;
    }
  }
  return false;
}

/** A call, from its trigger on, or from the beginning of the answer, then with optional reasoning before it. */
export function harmonyGrammar(parts: CallGrammar): string {
  const { builder, begun } = parts;
  const literal = builder.literal;
  const call = builder.rule(
    "call",
    eachFunction(
      parts,
      (name, rule) =>
        `${literal(name)} ${literal("<|channel|>commentary")}? (" "? ${literal("<|constrain|>")} "json" | " json")? ${literal(BODY)} ${rule}`,
    ),
  );
  if (begun) return call;
  return `${analysis(builder)} ${literal("<|channel|>commentary to=functions.")} ${call}`;
}

/** The header of an answer without a call, with optional reasoning before it. */
export function harmonyFinal(builder: GrammarBuilder): string {
  return `${analysis(builder)} ${builder.literal("<|channel|>final")} (" "? ${builder.literal("<|constrain|>")} "json")? ${builder.literal(BODY)} `;
}

function analysis(builder: GrammarBuilder): string {
  const thought = builder.rule(
    "analysis",
    `${builder.literal(`<|channel|>analysis${BODY}`)} ([^<] | "<" [^|])* ${builder.literal("<|end|><|start|>assistant")}`,
  );
  return `${thought}?`;
}
