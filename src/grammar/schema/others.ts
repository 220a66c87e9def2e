import { UnsupportedSchemaError } from "../errors.ts";
import { choiceOf, type Expression, quoted, sequenceOf, terms } from "../expression.ts";
import type { ObjectTools } from "./objects.ts";
import { type Conjunction, isNever, type ObjectFacts } from "./variant.ts";

/** Patterns may overlap, so the number of regions grows exponentially. */
const MAX_PATTERNS = 4;

/**
 * Writes a member that is not among the declared properties: its name matches patterns, or is any name if `additionalProperties` says so or
 * nothing is declared. Undefined if there is none.
 */
export function writeOthers(facts: ObjectFacts, tools: ObjectTools): Expression | undefined {
  const taken = [...facts.properties.keys(), ...facts.required];
  const patterns = tools.tolerance.attempt(
    tools.path,
    "patternProperties",
    () => boundPatterns(facts, tools.path),
    facts.patterns.slice(0, MAX_PATTERNS),
  );
  const open = openConjunction(facts);
  const members: Expression[] = [];
  for (let region = 0; region < 2 ** patterns.length; region += 1) {
    const isIn = (index: number) => Math.floor(region / 2 ** index) % 2 === 1;
    const inside = patterns.filter((_, index) => isIn(index));
    const outside = patterns.filter((_, index) => !isIn(index));
    const value = region === 0 ? open : inside.flatMap(({ conjunction }) => conjunction);
    if (value !== undefined && !isNever(value)) {
      members.push(
        sequenceOf(
          tools.name(facts.names, { taken, inside, outside }),
          quoted(":"),
          terms(tools.whitespace),
          tools.value(value, "other"),
        ),
      );
    }
  }
  return members.length === 0 ? undefined : choiceOf(...members);
}

/** Returns the schemas of all other properties; undefined if there may be none. */
function openConjunction(facts: ObjectFacts): Conjunction | undefined {
  const { properties, patterns, additional, min } = facts;
  const declared = [...properties.values()].filter((conjunction) => !isNever(conjunction)).length;
  const isClosed = (declared > 0 || patterns.length > 0) && min <= declared;
  return additional ?? (isClosed ? undefined : []);
}

function boundPatterns({ patterns }: ObjectFacts, path: string): ObjectFacts["patterns"] {
  if (patterns.length > MAX_PATTERNS) {
    throw new UnsupportedSchemaError(
      path,
      "patternProperties",
      `more than ${MAX_PATTERNS} patterns can't be distinguished`,
    );
  }
  return patterns;
}
