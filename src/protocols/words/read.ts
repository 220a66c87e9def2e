import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { parseWire } from "../issue.ts";
import { type Refusal, refuseUnsupported } from "../refusals.ts";
import { wordsOf } from "./index.ts";
import { ROUTES, type Route } from "./word.ts";

type Body = Readonly<Record<string, unknown>>;

const REFUSALS: ReadonlyMap<Route, readonly Refusal[]> = new Map(ROUTES.map((route) => [route, findRefusals(route)]));

type Alias = readonly [name: string, of: string];

const ALIASES: ReadonlyMap<Route, readonly Alias[]> = new Map(ROUTES.map((route) => [route, findAliases(route)]));

/**
 * The body as `route` reads it. Throws `InvalidRequestError` for a word in it that is known and can't be honoured there; that comes before
 * all else, since a field of another route says best what is missing of this one's.
 */
function openBody(route: Route, body: unknown): unknown {
  const spread = spreadOptions(body);
  refuseUnsupported(spread, refusalsOf(route));
  return spread;
}

/** `body` by `schema`, every value under our own name for it. Throws as `openBody` does, and for what is malformed. */
export function parseBody<T extends z.ZodObject>(route: Route, schema: T, body: unknown): z.output<T> {
  return foldAliases(route, parseWire(schema, openBody(route, body)));
}

/** What a route refuses by its name. */
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

/** `fields` with a field like it for each other name that one of them has on this route. */
export function withAliases<Fields extends z.ZodRawShape>(route: Route, fields: Fields): Fields {
  const named: Readonly<Record<string, unknown>> = fields;
  const aliases = aliasesOf(route).flatMap(([name, of]) => {
    const field = named[of];
    return field instanceof z.ZodType ? [[name, field.optional().describe(`Another name of \`${of}\`.`)] as const] : [];
  });
  return { ...fields, ...Object.fromEntries(aliases) };
}

/** What was read, each value under our own name for it. Throws `InvalidRequestError` where two names of one field say different things. */
function foldAliases<Wire extends object>(route: Route, wire: Wire): Wire {
  const read = new Map<string, unknown>(Object.entries(wire));
  for (const [name, of] of aliasesOf(route)) {
    const value = read.get(name);
    if (!isSet(value)) continue;
    if (isSet(read.get(of)) && !isDeepStrictEqual(read.get(of), value)) {
      throw new InvalidRequestError(
        `Setting '${of}' and '${name}' to different values is not supported: they are two names of one thing.`,
        name,
        "invalid_parameter_combination",
      );
    }
    read.set(of, value);
  }
  return { ...wire, ...Object.fromEntries(read) };
}

/** What of Ollama's `options` is about one answer. The others say how a model is loaded, which is the server's business. */
const OPTIONS: ReadonlySet<string> = new Set([
  ...["temperature", "top_k", "top_p", "min_p", "typical_p", "tfs_z", "seed", "stop", "num_predict"],
  ...["repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty"],
  ...["mirostat", "mirostat_tau", "mirostat_eta"],
]);

/** The body with Ollama's `options` read as if they stood beside it, where no field of the same name does. */
function spreadOptions(body: unknown): unknown {
  if (!isRecord(body) || !isRecord(body.options)) return body;
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

function isRecord(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
