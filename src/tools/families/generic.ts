import type { CallForm } from "../call-form.ts";
import { readJsonCall } from "../json-call.ts";
import { hermes } from "./hermes.ts";

/** Small models and Gemma 3 like to fence what is JSON or code, whatever they were asked for. */
const FENCES: readonly string[] = ["```tool_call", "```tool_code", "```json"];

/** For models whose template knows no tools: they are asked for Hermes' form, and a fenced block with a call in it is taken for one too. */
export const generic: CallForm = {
  ...hermes,
  openings: [...hermes.openings, ...FENCES],
  *read(source, tools, opening) {
    if (!FENCES.includes(opening)) return yield* hermes.read(source, tools, opening);
    if (!(yield* readJsonCall(source, tools))) return false;
    yield* source.skipSpace();
    yield* source.take("```");
    return true;
  },
};
