import type { CallForm } from "../call-form.ts";
import { readJsonCall } from "../json-call.ts";
import { hermes } from "./hermes.ts";

/** Small models and Gemma 3 often fence JSON and code, even if asked for another form. */
const FENCES: readonly string[] = ["```tool_call", "```tool_code", "```json"];

/** For models whose template has no tools: they are asked for Hermes' form, but a call in a fenced block is accepted, too. */
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
