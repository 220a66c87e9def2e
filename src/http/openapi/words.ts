import { wordsOf } from "../../protocols/words/index.ts";
import type { Route, Word } from "../../protocols/words/word.ts";

/** What a route makes of names that are not in its schema, in two sentences. */
export function describeWords(route: Route): string {
  const all = wordsOf(route);
  const named = (type: Word["fate"]["type"]) =>
    all.filter(({ fate }) => fate.type === type).map(({ name }) => `\`${name}\``);
  return (
    "Fields that are not known are ignored. " +
    `These are known and refused, unless they ask for nothing: ${named("refused").join(", ")}. ` +
    `These are taken and change nothing: ${named("hint").join(", ")}.`
  );
}
