import type { Tool } from "../../generation/request.ts";
import { MAX_DIGITS } from "../../grammar/limits.ts";
import { isJsonObject } from "../../json/exact-number.ts";
import { type CallGrammar, furtherCalls } from "../call-form.ts";

/** The tokens of one version of Gemma. */
export type Spelling = { readonly begin: string; readonly end: string; readonly quote: string };

/** The maximum depth of values without a schema. */
const FREE_DEPTH = 4;

/** Sluice has no grammars of JSON schemas in this notation: only an argument's type and listed values are enforced. */
export function notationGrammar(parts: CallGrammar, { begin, end, quote }: Spelling): string {
  const { builder, functions, begun } = parts;
  const literal = builder.literal;
  const string = builder.rule("quoted", `${literal(quote)} [^<]* ${literal(quote)}`);
  const integer = builder.rule("integer", `"-"? ("0" | [1-9] [0-9]{0,${MAX_DIGITS - 1}})`);
  const number = builder.rule("number", `${integer} ("." [0-9]{1,${MAX_DIGITS}})?`);
  const boolean = builder.rule("boolean", '"true" | "false"');
  const scalars = `${string} | ${number} | ${boolean} | "null"`;
  let object = '"{}"';
  let value = builder.rule("value", scalars);
  for (let depth = 0; depth < FREE_DEPTH; depth++) {
    object = builder.rule("object", `"{" ([a-zA-Z0-9_]+ ":" ${value} ("," [a-zA-Z0-9_]+ ":" ${value})*)? "}"`);
    value = builder.rule("value", `${scalars} | ${object} | "[" (${value} ("," ${value})*)? "]"`);
  }

  const ruleOf = (schema: unknown): string => {
    if (!isJsonObject(schema)) return value;
    if (Array.isArray(schema.enum) && schema.enum.every((one) => typeof one === "string")) {
      return `(${schema.enum.map((one) => literal(`${quote}${one}${quote}`)).join(" | ")})`;
    }
    if (schema.type === "object" && isJsonObject(schema.properties)) return membersOf(schema);
    if (schema.type === "array") {
      const item = builder.rule("item", ruleOf(schema.items));
      return `"[" (${item} ("," ${item})*)? "]"`;
    }
    switch (schema.type) {
      case "string":
        return string;
      case "integer":
        return integer;
      case "number":
        return number;
      case "boolean":
        return boolean;
      default:
        return value;
    }
  };
  // Required members come first, then the others in order, so that commas only separate members.
  const membersOf = (schema: Readonly<Record<string, unknown>>): string => {
    const properties = Object.entries(isJsonObject(schema.properties) ? schema.properties : {});
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const member = ([key, value]: [string, unknown]) => `${literal(`${key}:`)} ${ruleOf(value)}`;
    const must = properties.filter(([key]) => required.has(key)).map(member);
    const may = properties.filter(([key]) => !required.has(key)).map(member);
    const following = (from: number) =>
      may
        .slice(from)
        .map((one) => ` ("," ${one})?`)
        .join("");
    const members =
      must.length > 0
        ? must.join(' "," ') + following(0)
        : `(${may.map((one, index) => one + following(index + 1)).join(" | ") || '""'})?`;
    return `"{" ${members} "}"`;
  };
  const argumentsOf = ({ name, parameters, lark }: Tool) =>
    lark !== undefined
      ? `${literal(`{input:${quote}`)} ${builder.lark(lark, "plain", name)} ${literal(`${quote}}`)}`
      : isJsonObject(parameters) && isJsonObject(parameters.properties)
        ? membersOf(parameters)
        : parameters === undefined
          ? '"{}"'
          : object;
  const call = builder.rule(
    "call",
    functions.map(({ tool }) => `${literal(`call:${tool.name}`)} ${argumentsOf(tool)}`).join(" | "),
  );
  const rest = `${call} ${literal(end)}`;
  return `${begun ? "" : `${literal(begin)} `}${rest}${furtherCalls(parts, `${literal(begin)} ${rest}`)}`;
}
