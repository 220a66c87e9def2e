import { wordsOf } from "../../protocols/words/index.ts";
import type { Route, Word } from "../../protocols/words/word.ts";

/** Describes how a route treats fields that are not in its schema. */
export function describeWords(route: Route): string {
  const all = wordsOf(route);
  const named = (type: Word["fate"]["type"]) =>
    all.filter(({ fate }) => fate.type === type).map(({ name }) => `\`${name}\``);
  return (
    "Unknown fields are ignored. " +
    `These are known and refused, unless they ask for nothing: ${named("refused").join(", ")}. ` +
    `These are accepted without effect: ${named("hint").join(", ")}.`
  );
}
