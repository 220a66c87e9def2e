import type { Tool, ToolCall } from "../generation/request.ts";
import type { GrammarBuilder } from "../grammar/builder.ts";
import type { Parsing } from "./parsing.ts";
import type { Source } from "./source.ts";

/** The functions that may be called. */
export type ToolsByName = ReadonlyMap<string, Tool>;

/** The parts of a grammar of calls. */
export type CallGrammar = {
  readonly builder: GrammarBuilder;
  /** The functions that may be called. `argumentsRule` makes a rule for the arguments as JSON and gives its name. */
  readonly functions: readonly { readonly tool: Tool; readonly argumentsRule: () => string }[];
  /** Whether several calls may be made. */
  readonly parallel: boolean;
  /** Whether one of the form's triggers was just written; otherwise the calls are written from their beginning. */
  readonly begun: boolean;
};

/** How a family of models writes calls within its text. */
export type CallForm = {
  /** What begins a call, for the reader. None is the beginning of another. */
  readonly openings: readonly string[];
  /** Those after which nothing but a call makes sense, for the grammar. */
  readonly triggers: readonly string[];
  /**
   * Reads what follows an opening and yields the calls. Returns false when it is none; then nothing was yielded, and what was read
   * must be read again, as text.
   */
  readonly read: (source: Source, tools: ToolsByName, opening: string) => Parsing<boolean>;
  /** The right side of a GBNF rule for one call or several. */
  readonly grammar: (parts: CallGrammar) => string;
  /** For templates that can't show calls: the model's own words for an earlier call, and for how to make one. */
  readonly write: (call: Pick<ToolCall, "name" | "arguments">) => string;
  /** An example of a call, in words that a system message can use. */
  readonly example: string;
};

/** Small models that follow a grammar may never stop making calls. */
const MAX_CALLS = 32;

/** `rest` as often as there may be further calls. */
export function furtherCalls({ parallel }: CallGrammar, rest: string): string {
  return parallel ? ` (${rest}){0,${MAX_CALLS - 1}}` : "";
}

/** One alternative for each function. */
export function eachFunction({ functions }: CallGrammar, write: (name: string, rule: string) => string): string {
  return functions.map(({ tool, argumentsRule }) => write(tool.name, argumentsRule())).join(" | ");
}
