import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { isJsonObject } from "../../json/exact-number.ts";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { parseWire } from "../issue.ts";
import { type Refusal, refuseUnsupported } from "../refusals.ts";
import { wordsOf } from "./index.ts";
import { ROUTES, type Route } from "./word.ts";

const REFUSALS: ReadonlyMap<Route, readonly Refusal[]> = new Map(ROUTES.map((route) => [route, findRefusals(route)]));

type Alias = readonly [name: string, of: string];

const ALIASES: ReadonlyMap<Route, readonly Alias[]> = new Map(ROUTES.map((route) => [route, findAliases(route)]));

/**
 * Prepares a body for `route`. Throws `InvalidRequestError` for a known field that can't be honoured there. This check comes first, because
 * a field of another route best explains why a field of this route is missing.
 */
function openBody(route: Route, body: unknown): unknown {
  const spread = spreadOptions(body);
  refuseUnsupported(spread, refusalsOf(route));
  return spread;
}

/** Parses `body` with `schema`, and renames aliases. Throws as `openBody` does, and for malformed fields. */
export function parseBody<T extends z.ZodObject>(route: Route, schema: T, body: unknown): z.output<T> {
  return foldAliases(route, parseWire(schema, openBody(route, body)));
}

/** The fields that a route refuses by name. */
export function refusalsOf(route: Route): readonly Refusal[] {
  return REFUSALS.get(route) ?? [];
}

function findRefusals(route: Route): readonly Refusal[] {
  return wordsOf(route).flatMap(({ name, fate }) =>
    fate.type === "refused"
      ? [
          {
            param: name,
            asksForIt: (value: unknown) => !fate.neutral.some((harmless) => isDeepStrictEqual(harmless, value)),
            reason: fate.note,
            hasSubstitute: fate.hasSubstitute,
          },
        ]
      : [],
  );
}

/** Adds the route's aliases to `fields`, each with the schema of its field. */
export function withAliases<Fields extends z.ZodRawShape>(route: Route, fields: Fields): Fields {
  const named: Readonly<Record<string, unknown>> = fields;
  const aliases = aliasesOf(route).flatMap(([name, of]) => {
    const field = named[of];
    return field instanceof z.ZodType ? [[name, field.optional().describe(`Another name of \`${of}\`.`)] as const] : [];
  });
  return { ...fields, ...Object.fromEntries(aliases) };
}

/** Renames aliases. Throws `InvalidRequestError` if two names of one field have different values. */
function foldAliases<Wire extends object>(route: Route, wire: Wire): Wire {
  const read = new Map<string, unknown>(Object.entries(wire));
  for (const [name, of] of aliasesOf(route)) {
    const value = read.get(name);
    if (!isSet(value)) continue;
    if (isSet(read.get(of)) && !isDeepStrictEqual(read.get(of), value)) {
      throw new InvalidRequestError(
        `Setting '${of}' and '${name}' to different values is not supported: they are names of the same field. Send one of them.`,
        name,
        "invalid_parameter_combination",
      );
    }
    read.set(of, value);
  }
  return { ...wire, ...Object.fromEntries(read) };
}

/** The fields of Ollama's `options` that are about one answer. The others are about loading the model. */
const OPTIONS: ReadonlySet<string> = new Set([
  ...["temperature", "top_k", "top_p", "min_p", "typical_p", "tfs_z", "seed", "stop", "num_predict"],
  ...["repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty"],
  ...["mirostat", "mirostat_tau", "mirostat_eta"],
]);

/** Moves Ollama's `options` into the body, unless the body has a field with the same name. */
function spreadOptions(body: unknown): unknown {
  if (!isJsonObject(body) || !isJsonObject(body.options)) return body;
  const { options, ...rest } = body;
  const wanted = Object.entries(options).filter(([name]) => OPTIONS.has(name) && !isSet(rest[name]));
  return { ...rest, ...Object.fromEntries(wanted) };
}

function aliasesOf(route: Route): readonly Alias[] {
  return ALIASES.get(route) ?? [];
}

function findAliases(route: Route): readonly Alias[] {
  return wordsOf(route).flatMap(({ name, fate }) => (fate.type === "alias" ? [[name, fate.of] as const] : []));
}
