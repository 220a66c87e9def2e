import type { Tool } from "../../generation/request.ts";
import type { GrammarBuilder } from "../../grammar/builder.ts";
import { UnsupportedSchemaError } from "../../grammar/errors.ts";
import { isJsonObject } from "../../json/exact-number.ts";
import { type CallForm, type CallGrammar, furtherCalls } from "../call-form.ts";
import type { Parsing } from "../parsing.ts";
import type { Source } from "../source.ts";

const OPENING = "<tool_call>";
const FUNCTION_END = "</function>";
const VALUE_END = "\n</parameter>";

/**
 * Qwen 3 Coder's and Qwen 3.5's form: `<tool_call>\n<function=f>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>`. A value is
 * bare text; its schema tells whether that is a string or JSON.
 */
export const qwenXml: CallForm = {
  openings: [OPENING],
  triggers: [OPENING],
  *read(source, tools) {
    yield* source.skipSpace();
    if (!(yield* source.take("<function="))) return false;
    const name = (yield* source.upTo([">"]))?.text ?? "";
    const tool = tools.get(name);
    if (tool === undefined) return false;
    source.commit();
    yield { type: "call", name };
    yield* readParameters(source, tool);
    yield* source.skipSpace();
    yield* source.take("</tool_call>");
    return true;
  },
  grammar: xmlGrammar,
  write: ({ name, arguments: json }) =>
    `${OPENING}\n{"name": ${JSON.stringify(name)}, "arguments": ${json}}\n</tool_call>`,
  example: `${OPENING}\n<function=function-name>\n<parameter=argument-name>\nvalue\n</parameter>\n</function>\n</tool_call>`,
};

function* readParameters(source: Source, tool: Tool): Parsing {
  yield { type: "arguments", text: "{" };
  for (let first = true; ; first = false) {
    yield* source.skipSpace();
    if (!(yield* source.take("<parameter="))) break;
    const key = yield* source.upTo([">"]);
    if (key === undefined) break;
    yield* source.take("\n");
    yield { type: "arguments", text: `${first ? "" : ","}${JSON.stringify(key.text)}:` };
    yield* readText(source, mustBeString(propertyOf(tool, key.text)));
  }
  const isClosed =
    (yield* source.take(FUNCTION_END)) || !source.isEnded || isBeginningOf(FUNCTION_END, yield* source.some());
  yield { type: isClosed ? "arguments" : "closing", text: "}" };
}

/** Whether `text` can only be `mark`: a parameter begins with the same character. */
function isBeginningOf(mark: string, text: string): boolean {
  return text.length > 1 && mark.startsWith(text);
}

function* readText(source: Source, asString: boolean): Parsing {
  const value = yield* source.upTo([VALUE_END, "</parameter>"]);
  if (value !== undefined) {
    const { text } = value;
    yield { type: "arguments", text: asString || !isJson(text) ? JSON.stringify(text) : text.trim() };
    return;
  }
  const { text, cut } = yield* source.rest(VALUE_END);
  if (!asString && isJson(text)) {
    yield { type: "arguments", text: text.trim() };
    return;
  }
  yield { type: "arguments", text: JSON.stringify(text).slice(0, -1) };
  yield { type: isBeginningOf(VALUE_END.trim(), VALUE_END.slice(1, cut)) ? "arguments" : "closing", text: '"' };
}

function propertyOf({ parameters }: Tool, key: string): unknown {
  const properties: unknown = typeof parameters === "object" ? parameters.properties : undefined;
  return typeof properties === "object" && properties !== null ? Reflect.get(properties, key) : undefined;
}

/** Whether a value must be a string, so that `42` is one, too. */
function mustBeString(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  const { type, enum: values } = schema as { readonly type?: unknown; readonly enum?: unknown };
  return (
    type === "string" || (type === undefined && Array.isArray(values) && values.every((one) => typeof one === "string"))
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A value in JSON. Without `strict`, a schema that nothing satisfies becomes any value. */
function jsonRule(builder: GrammarBuilder, schema: unknown, { parameters, strict }: Tool, path: string): string {
  try {
    return builder.schema(isJsonObject(schema) ? { ...definitionsOf(parameters), ...schema } : true, path, { strict });
  } catch (error) {
    if (strict === true || !(error instanceof UnsupportedSchemaError)) throw error;
    return builder.json();
  }
}

/** Returns the definitions beside the parameters, for references in their schemas. */
function definitionsOf(parameters: Tool["parameters"]): Record<string, unknown> {
  if (!isJsonObject(parameters)) return {};
  const { $defs, definitions } = parameters;
  return { ...($defs !== undefined && { $defs }), ...(definitions !== undefined && { definitions }) };
}

function xmlGrammar(parts: CallGrammar): string {
  const { builder, functions, begun } = parts;
  const literal = builder.literal;
  const text = builder.rule("text", '([^<] | "<" [^/])*');
  const ruleOf = (schema: unknown, tool: Tool, key: string): string => {
    if (tool.lark !== undefined) return builder.lark(tool.lark, "plain", `${tool.name}.${key}`);
    if (!mustBeString(schema)) return jsonRule(builder, schema, tool, `${tool.name}.${key}`);
    const { enum: values } = schema as { readonly enum?: unknown };
    return Array.isArray(values) ? `(${values.map((one) => literal(String(one))).join(" | ")})` : text;
  };
  const argumentsOf = (tool: Tool) => {
    const parameters = typeof tool.parameters === "object" ? tool.parameters : {};
    const required = new Set<unknown>(Array.isArray(parameters.required) ? parameters.required : []);
    return Object.keys(Object(parameters.properties)).map((key) => {
      const value = ruleOf(propertyOf(tool, key), tool, key);
      const parameter = `${literal(`<parameter=${key}>\n`)} ${value} ${literal(`${VALUE_END}\n`)}`;
      return required.has(key) ? parameter : `(${parameter})?`;
    });
  };
  const call = builder.rule(
    "call",
    functions
      .map(
        ({ tool }) => `${literal(`<function=${tool.name}>\n`)} ${argumentsOf(tool).join(" ")} ${literal(FUNCTION_END)}`,
      )
      .join(" | "),
  );
  const rest = `"\\n"? ${call} "\\n"? "</tool_call>"`;
  return `${begun ? "" : '"<tool_call>" '}${rest}${furtherCalls(parts, `"\\n"? "<tool_call>" ${rest}`)}`;
}
