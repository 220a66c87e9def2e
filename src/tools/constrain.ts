import type { GenerationRequest, OutputFormat, Tool, ToolUse } from "../generation/request.ts";
import { createGrammarBuilder, type GrammarBuilder } from "../grammar/builder.ts";
import { UnsupportedSchemaError } from "../grammar/errors.ts";
import type { CallGrammar } from "./call-form.ts";
import type { Dialect } from "./dialect.ts";

/** The room of a grammar for calls without their arguments. Beyond it arguments may be any object, so that hundreds of tools can be called. */
const CALLS_ROOM = 48 * 1024;

/**
 * Returns the grammar by which every call fits its schema: from the first token if a call is required, or from the beginning of a call if the
 * model may choose. A requested format may be preceded by reasoning, or replaced by a call.
 *
 * @param wanted `enable_thinking`, if the request sets it
 * @throws UnsupportedSchemaError for a strict tool whose schema can't be enforced
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

/** Returns the tools that may be called now, with their paths in the request. */
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

/** Unsupported keywords are refused for strict tools, else dropped. Without `strict`, a schema that nothing satisfies becomes any object. */
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
