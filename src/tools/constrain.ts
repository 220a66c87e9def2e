import type { GenerationRequest, OutputFormat, Tool, ToolUse } from "../generation/request.ts";
import { createGrammarBuilder, type GrammarBuilder } from "../grammar/builder.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import type { CallGrammar } from "./call-form.ts";
import type { Dialect } from "./dialect.ts";

/** Characters for the calls themselves, around their arguments. Beyond it arguments are any object, so that hundreds of tools can be called. */
const CALLS_ROOM = 48 * 1024;

/**
 * What the engine is to hold the answer to, so that every call fits its schema: from the first token where a call is required, from
 * the moment that one begins where the model may choose. A form that the request asks for may have reasoning before it, and a call in
 * its place.
 *
 * @param wanted `enable_thinking`, where the request says it
 * @throws UnsupportedSchemaError for a strict tool whose schema no grammar can be made of
 */
export function constrain(
  { output, tools }: Pick<GenerationRequest, "output" | "tools">,
  dialect: Dialect,
  wanted: boolean | undefined,
): OutputFormat | undefined {
  const callable = tools === undefined ? [] : callableTools(tools);
  const isOpen = output?.type === "grammar" || output?.type === "regex";
  if (tools === undefined || callable.length === 0 || (isOpen && tools.choice !== "required")) {
    return output === undefined || isOpen || !dialect.reasons ? output : formatGrammar(output, dialect, wanted);
  }
  const builder = createGrammarBuilder(CALLS_ROOM);
  const parts: CallGrammar = {
    builder,
    functions: callable.map(({ tool, path }) => ({
      tool,
      argumentsRule: () => argumentsRule(builder, tool, path),
    })),
    parallel: tools.parallel && !dialect.oneCallAMessage,
    begun: tools.choice === "auto" && output === undefined,
  };
  const calls = builder.rule("calls", dialect.grammar(parts));
  if (parts.begun) {
    return { type: "grammar", grammar: { gbnf: builder.toGbnf(calls), triggers: dialect.triggers } };
  }
  const answer =
    tools.choice === "required" || output === undefined
      ? calls
      : `(${calls} | ${formatRule(builder, output, dialect)})`;
  return fromFirstToken(builder, answer, dialect, wanted);
}

/** The tools that may be called now, with their index in the request. */
export function callableTools({ tools, choice, allowed }: ToolUse): { readonly tool: Tool; readonly path: string }[] {
  if (choice === "none") return [];
  return tools
    .map((tool, index) => ({ tool, path: `tools[${index}].function.parameters` }))
    .filter(({ tool }) => allowed === undefined || allowed.includes(tool.name));
}

function formatGrammar(output: OutputFormat, dialect: Dialect, wanted: boolean | undefined): OutputFormat {
  const builder = createGrammarBuilder();
  return fromFirstToken(builder, formatRule(builder, output, dialect), dialect, wanted);
}

function formatRule(builder: GrammarBuilder, output: OutputFormat, { formatLead }: Dialect): string {
  const value =
    output.type === "schema"
      ? builder.schema(output.schema, "response_format.json_schema.schema", { strict: output.strict })
      : builder.json();
  return `${formatLead(builder)}${value}`;
}

/** The answer, preceded by the reasoning that the model usually writes. */
function fromFirstToken(
  builder: GrammarBuilder,
  answer: string,
  { marks, opensReasoning }: Dialect,
  wanted: boolean | undefined,
): OutputFormat {
  let before = "";
  if (marks !== undefined && wanted !== false) {
    const { open, close } = marks;
    const [first = "", second = ""] = close;
    const thought = builder.rule(
      "thought",
      `([^${inClass(first)}] | ${builder.literal(first)} [^${inClass(second)}])* ${builder.literal(close)} [\\n ]*`,
    );
    before = opensReasoning(wanted) ? `${thought} ` : `(${builder.literal(open)} ${thought})? `;
  }
  return { type: "grammar", grammar: { gbnf: builder.toGbnf(builder.rule("answer", before + answer)) } };
}

function inClass(character: string): string {
  return character === "[" || character === "]" || character === "\\" ? `\\${character}` : character;
}

/** What can't be held to is refused where the client counts on it. Elsewhere it is left out, and any object is for a schema that nothing satisfies. */
function argumentsRule(builder: GrammarBuilder, { parameters, strict, lark }: Tool, path: string): string {
  if (lark !== undefined)
    return `${builder.literal('{"input": "')} ${builder.lark(lark, "json", path)} ${builder.literal('"}')}`;
  if (parameters === undefined) return builder.literal("{}");
  try {
    return builder.schema(parameters, path, { strict });
  } catch (error) {
    if (strict === true || !(error instanceof UnsupportedSchemaError)) throw error;
    return builder.json();
  }
}
