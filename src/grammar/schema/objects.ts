import {
  choiceOf,
  type Expression,
  NO_TEXT,
  NOTHING,
  quoted,
  reference,
  repeated,
  sequenceOf,
  terms,
} from "../expression.ts";
import { writeOthers } from "./others.ts";
import type { Tolerance } from "./tolerance.ts";
import { type Conjunction, conjunctionOf, isNever, type MatchName, type ObjectFacts } from "./variant.ts";

/** The names that aren't in `taken`, match all patterns of `inside`, and none of `outside`. */
export type NameRegion = {
  readonly taken: readonly string[];
  readonly inside: ObjectFacts["patterns"];
  readonly outside: ObjectFacts["patterns"];
};

/** The tools for writing an object's rules. */
export type ObjectTools = {
  /** The rule of a value. */
  readonly value: (conjunction: Conjunction, hint: string) => Expression;
  readonly admitsName: (names: Conjunction, key: string) => boolean;
  /** Returns the rule of the quoted names that `names` admits. */
  readonly name: (names: Conjunction, region: NameRegion) => Expression;
  readonly matches: MatchName;
  readonly define: (hint: string, expression: Expression) => string;
  readonly whitespace: string;
  readonly tolerance: Tolerance;
  readonly path: string;
};

/** Within a name, llama.cpp follows every property that may come next: sampling took eleven times as long with 500 as with 30. */
const MAX_OPTIONAL = 256;
/** Each count adds a state for each property. */
const MAX_COUNTED = 64;

type Property = { readonly member: Expression; readonly isRequired: boolean };

/**
 * Writes an object: its properties in the order of the schema, any subset of the optional ones, then others if they are allowed. Others are
 * allowed if the schema says so, or names no property at all.
 */
export function writeObject(facts: ObjectFacts, tools: ObjectTools): Expression {
  const { whitespace, define } = tools;
  const ws = terms(whitespace);
  const listed = listProperties(facts, tools);
  if (listed === undefined) {
    return NOTHING;
  }
  const properties = boundOptional(listed, tools);
  const others = writeOthers(facts, tools);
  const bounds = boundCounts(facts, properties, others !== undefined, tools);
  if (bounds === undefined) {
    return NOTHING;
  }
  const comma = sequenceOf(quoted(","), ws);

  const lastRequired = properties.findLastIndex((property) => property.isRequired);
  /** The rest after a member: nothing, or a comma and more members. `count` is the number of members so far, as far as it matters. */
  const after = new Map<string, Expression>();
  function rest(index: number, count: number): Expression {
    const key = `${index}:${count}`;
    const known = after.get(key);
    if (known !== undefined) {
      return known;
    }
    const expression = reference(
      define("more", choiceOf(...mayEnd(index, count), sequenceOf(comma, members(index, count)))),
    );
    after.set(key, expression);
    return expression;
  }
  const heads = new Map<string, Expression>();
  /** Writes at least one of the members from `index` on. */
  function members(index: number, count: number): Expression {
    const key = `${index}:${count}`;
    const known = heads.get(key);
    if (known !== undefined) {
      return known;
    }
    const expression = makeMembers(index, count);
    heads.set(key, expression);
    return expression;
  }
  function makeMembers(index: number, count: number): Expression {
    const property = properties[index];
    if (property === undefined) {
      return others === undefined ? NOTHING : otherMembers(others, count);
    }
    const taken =
      bounds !== undefined && count >= bounds.max ? NOTHING : sequenceOf(property.member, rest(index + 1, next(count)));
    return property.isRequired ? taken : reference(define("members", choiceOf(taken, members(index + 1, count))));
  }
  function otherMembers(member: Expression, count: number): Expression {
    const most = (bounds?.max ?? 0) - count;
    const least = Math.max((bounds?.min ?? 0) - count, 1);
    // A repeated name is one property, so only the first member is sure to count.
    return most < least || least > 1
      ? NOTHING
      : sequenceOf(member, repeated(sequenceOf(comma, member), least - 1, most - 1));
  }
  function mayEnd(index: number, count: number): Expression[] {
    return index <= lastRequired || count < (bounds?.min ?? 0) ? [] : [NO_TEXT];
  }
  function next(count: number): number {
    return bounds?.isCounted === true ? count + 1 : count;
  }

  // Last to first, to avoid a deep recursion.
  if (bounds.isCounted === false) {
    for (let index = properties.length; index >= 0; index -= 1) {
      rest(index, 0);
      members(index, 0);
    }
  }
  const body = sequenceOf(members(0, 0), ws);
  return sequenceOf(quoted("{"), ws, choiceOf(body, ...mayEnd(0, 0)), quoted("}"));
}

/** Drops the last optional properties if there are too many: an object may lack them. */
function boundOptional(properties: readonly Property[], { tolerance, path }: ObjectTools): readonly Property[] {
  const optional = properties.filter(({ isRequired }) => !isRequired);
  if (optional.length <= MAX_OPTIONAL) {
    return properties;
  }
  const reason = `more than ${MAX_OPTIONAL} optional properties are too slow; require them and allow null`;
  tolerance.drop(path, "properties", reason);
  const left = new Set(optional.slice(MAX_OPTIONAL));
  return properties.filter((property) => !left.has(property));
}

type Counts = { readonly min: number; readonly max: number; readonly isCounted: boolean };

/** Returns the limits for the number of properties, if `required` doesn't already ensure them. Undefined if they can't be met. */
function boundCounts(
  facts: ObjectFacts,
  properties: readonly Property[],
  hasOthers: boolean,
  { tolerance, path }: ObjectTools,
): Counts | undefined {
  const required = properties.filter(({ isRequired }) => isRequired).length;
  const most = hasOthers ? Number.POSITIVE_INFINITY : properties.length;
  if (facts.max < required || facts.min > most || facts.min > facts.max) {
    return undefined;
  }
  const uncounted = { min: 0, max: Number.POSITIVE_INFINITY, isCounted: false };
  if (facts.min <= required && facts.max >= most) {
    return uncounted;
  }
  if (properties.length > MAX_COUNTED) {
    const keyword = facts.min > required ? "minProperties" : "maxProperties";
    tolerance.drop(path, keyword, `only up to ${MAX_COUNTED} properties can be counted`);
    return uncounted;
  }
  if (hasOthers && facts.min > properties.length + 1) {
    // A repeated name is one property.
    const reason = "names that are not in properties may repeat, so only one of them counts";
    tolerance.drop(path, "minProperties", reason);
    return { min: properties.length + 1, max: facts.max, isCounted: true };
  }
  return { min: facts.min, max: facts.max, isCounted: true };
}

/** The properties that can be present; undefined if a required one can't. */
function listProperties(facts: ObjectFacts, tools: ObjectTools): Property[] | undefined {
  const { value, admitsName, whitespace, matches } = tools;
  const keys = new Set([...facts.properties.keys(), ...facts.required]);
  const properties: Property[] = [];
  for (const key of keys) {
    const conjunction = conjunctionOf(facts, key, matches);
    const isRequired = facts.required.has(key);
    if (isNever(conjunction) || !admitsName(facts.names, key)) {
      if (isRequired) {
        return undefined;
      }
      continue;
    }
    const member = sequenceOf(quoted(`${JSON.stringify(key)}:`), terms(whitespace), value(conjunction, key));
    properties.push({ member, isRequired });
  }
  return properties;
}
