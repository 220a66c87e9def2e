import type { z } from "zod";
import type { Refusal } from "../../src/protocols/refusals.ts";
import { wordsOf } from "../../src/protocols/words/index.ts";
import { refusalsOf } from "../../src/protocols/words/read.ts";
import type { Route } from "../../src/protocols/words/word.ts";

type Names<S extends z.ZodObject> = keyof z.input<S> & string;

/** The notes on an endpoint's fields and on unknown names. */
export function wordsFor<S extends z.ZodObject>(
  route: Route,
  schema: S,
): {
  readonly refusals: readonly Refusal[];
  readonly hints: readonly Names<S>[];
  readonly innerHints: Readonly<Record<string, string>>;
  readonly ignored: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Partial<Record<Names<S>, string>>>;
} {
  const isField = (name: string): name is Names<S> => name in schema.shape;
  const hints = wordsOf(route).flatMap(({ name, fate }) => (fate.type === "hint" ? [{ name, note: fate.note }] : []));
  const isInner = ({ name }: { readonly name: string }) => name.includes(".");
  const extensions = wordsOf(route).flatMap(({ name, owners, fate }) => {
    if (!isField(name)) return [];
    const whose = owners.map((owner) => `${owner}'s`).join(" and ");
    if (fate.type === "alias") return [[name, `${whose} name of \`${fate.of}\``]];
    return fate.type === "field" ? [[name, whose]] : [];
  });
  return {
    refusals: refusalsOf(route),
    hints: hints.flatMap(({ name }) => (isField(name) ? [name] : [])),
    innerHints: Object.fromEntries(hints.filter(isInner).map(({ name, note }) => [name, note])),
    ignored: Object.fromEntries(
      hints.filter((each) => !isInner(each) && !isField(each.name)).map(({ name, note }) => [name, note]),
    ),
    extensions: Object.fromEntries(extensions),
  };
}
