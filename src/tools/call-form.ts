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
  /** The texts that begin a call, for the reader. None is a prefix of another. */
  readonly openings: readonly string[];
  /** Those that only a call can follow, for the grammar. */
  readonly triggers: readonly string[];
  /**
   * Reads the text after an opening and yields the calls. Returns false if it is no call; then nothing was yielded, and the caller must read
   * it again, as text.
   */
  readonly read: (source: Source, tools: ToolsByName, opening: string) => Parsing<boolean>;
  /** The right side of a GBNF rule for one call or several. */
  readonly grammar: (parts: CallGrammar) => string;
  /** Writes an earlier call as the model would, for templates that can't show calls. */
  readonly write: (call: Pick<ToolCall, "name" | "arguments">) => string;
  /** An example of a call, in words that a system message can use. */
  readonly example: string;
};

/** Small models that follow a grammar may never stop making calls. */
const MAX_CALLS = 32;

/** Repeats `rest` for the further calls that are allowed. */
export function furtherCalls({ parallel }: CallGrammar, rest: string): string {
  return parallel ? ` (${rest}){0,${MAX_CALLS - 1}}` : "";
}

/** Writes an alternative for each function. */
export function eachFunction({ functions }: CallGrammar, write: (name: string, rule: string) => string): string {
  return functions.map(({ tool, argumentsRule }) => write(tool.name, argumentsRule())).join(" | ");
}
