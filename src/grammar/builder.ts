import type { JsonSchema } from "../generation/request.ts";
import { compiledSchemas } from "./compiled-schemas.ts";
import { compiledTexts } from "./compiled-texts.ts";
import { placeIn, UnsupportedSchemaError } from "./errors.ts";
import { createPrimitives } from "./primitives.ts";
import { createRuleBook } from "./rules.ts";
import type { CompiledSchema } from "./schema/compile.ts";
import { literal } from "./text.ts";

/** Builds a grammar from schemas, regular expressions and custom rules. */
export type GrammarBuilder = {
  /** Defines a rule and returns its name, which is unique and looks like `hint`. `body` is GBNF. */
  readonly rule: (hint: string, body: string) => string;
  /** `text` as a quoted literal of GBNF. */
  readonly literal: (text: string) => string;
  /**
   * Returns the name of a rule for the values of `schema`. `path` begins the paths in errors. Unsupported keywords are dropped, or, if the
   * schema is `strict`, refused. Throws `UnsupportedSchemaError`, also if no value satisfies the schema.
   */
  readonly schema: (schema: JsonSchema, path: string, options?: SchemaOptions) => string;
  /** The name of a rule for any JSON object. */
  readonly json: () => string;
  /** The name of a rule for the texts that match `pattern` from end to end. Throws `UnsupportedSchemaError`. */
  readonly regex: (pattern: string, path: string) => string;
  /**
   * Returns the name of a rule for the texts of a grammar in Lark's notation, plain or as between the quotes of a JSON string. Throws
   * `UnsupportedSchemaError`.
   */
  readonly lark: (source: string, spelling: "plain" | "json", path: string) => string;
  /** The grammar; its start rule, `root`, is the rule named here. */
  readonly toGbnf: (root: string) => string;
};

type SchemaOptions = { readonly strict?: boolean | undefined };

/**
 * Starts a grammar in llama.cpp's GBNF.
 *
 * @param reserved the number of characters kept free for custom rules
 * @example
 * const grammar = createGrammarBuilder();
 * const value = grammar.schema({ type: "integer" }, "schema");
 * grammar.toGbnf(grammar.rule("answer", `${grammar.literal("answer: ")} ${value}`));
 */
export function createGrammarBuilder(reserved = 0): GrammarBuilder {
  const book = createRuleBook(reserved);
  const primitives = createPrimitives(book, "json");
  return {
    rule(hint, body) {
      const name = book.reserve(hint);
      book.define(name, body, hint);
      return name;
    },
    literal,
    schema(schema, path, { strict } = {}) {
      const { root, rules } = compileHeld(schema, path, strict === true);
      return book.adopt(rules, root, path);
    },
    json: () => primitives.object(),
    regex: (pattern, path) => book.adopt(rulesOf(compiledTexts.compile("regex", pattern, path)), "root", path),
    lark(source, spelling, path) {
      const gbnf = compiledTexts.compile(spelling === "json" ? "lark in JSON" : "lark", source, path);
      return book.adopt(rulesOf(gbnf), "root", path);
    },
    toGbnf: (root) => book.toGbnf(root),
  };
}

/** Returns the rules of a grammar that was written here, one per line. */
function rulesOf(gbnf: string): ReadonlyMap<string, string> {
  return new Map(
    gbnf.split("\n").flatMap((line) => {
      const [name = "", ...body] = line.split(" ::= ");
      return body.length === 0 ? [] : [[name, body.join(" ::= ")] as const];
    }),
  );
}

/** Compiles `schema`; paths begin with `path`. Throws `UnsupportedSchemaError`, with `strict` also for keywords that are not enforced. */
export function compileHeld(schema: JsonSchema, path: string, strict: boolean): CompiledSchema {
  const { dropped, ...compiled } = compileAt(schema, path);
  const [first] = dropped;
  if (strict && first !== undefined) {
    throw new UnsupportedSchemaError(placeIn(path, first.path), first.keyword, first.reason);
  }
  return { ...compiled, dropped: dropped.map((one) => ({ ...one, path: placeIn(path, one.path) })) };
}

function compileAt(schema: JsonSchema, path: string): CompiledSchema {
  try {
    return compiledSchemas.compile(schema);
  } catch (error) {
    throw error instanceof UnsupportedSchemaError
      ? new UnsupportedSchemaError(placeIn(path, error.path), error.keyword, error.reason)
      : error;
  }
}
