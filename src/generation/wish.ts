import type { CacheWish } from "./cache.ts";
import type { GenerationRequest, OutputFormat, Prompt, Sampling, Tool, ToolUse } from "./request.ts";
import { settleSampling } from "./sampling.ts";

/** A tool that a choice names: by its name, or by its type where that is all the name there is, such as `web_search`. */
export type NamedTool = { readonly type: string; readonly name?: string; readonly namespace?: string };

/** Whether the model may, must or must not call, or which tools it may call, by the client's names. */
export type ToolChoice =
  | { readonly mode: "none" | "auto" | "required" }
  | {
      readonly named: readonly NamedTool[];
      /** Whether one of them must be called. */
      readonly isForced: boolean;
      /** Whether it is called once. */
      readonly isSingle: boolean;
    };

/** What the server decides of a request. */
type Decided = "id" | "model" | "terms" | "cache" | "observe" | "signal" | "said";
/** The fields that a wish has in another form than a request. */
type Reworded = "prompt" | "sampling" | "tools" | "output" | "maxTokens";

/**
 * What is asked for, and nothing else: a field is there if the client or its preset said it. Defaults come later, with `withDefaults`. A
 * field that is added to `GenerationRequest` is one of a wish too.
 */
export type Wish = Readonly<Partial<Omit<GenerationRequest, Decided | Reworded>>> & {
  readonly prompt: Prompt;
  /** In the words of `Sampling`, the values as they were said. */
  readonly sampling: Readonly<Partial<Sampling>>;
  /** What may be called. An empty list says that nothing may. */
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  /** Whether several calls may be made in one turn. */
  readonly parallelCalls?: boolean;
  /** Null says that any text will do. */
  readonly output?: OutputFormat | null;
  /** The name and description of the schema of `output`. */
  readonly outputName?: { readonly name: string; readonly description?: string };
  /** Null says: as many as fit. */
  readonly maxTokens?: number | null;
  /** No answer has more tokens, whatever was asked for. */
  readonly maxTokensLimit?: number;
  /** The client's instructions to the response cache. */
  readonly cache?: CacheWish;
};

/** A wish whose prompt is not known yet, or that has several. */
export type Unprompted = Omit<Wish, "prompt">;

/** What to generate. The rest of a request is the server's to add. */
export type Generation = Omit<GenerationRequest, Exclude<Decided, "said">>;

/** What a protocol takes for said where it was not. */
export type Defaults = { readonly choices: number; readonly maxTokens: number | undefined };

const DEFAULTS: Defaults = { choices: 1, maxTokens: undefined };

/**
 * What to generate for a wish, all defaults filled in.
 *
 * @param use which of the tools may be called; all of them if absent
 */
export function withDefaults(wish: Wish, use?: ToolUse, defaults?: Defaults): Generation;
export function withDefaults(wish: Unprompted, use?: ToolUse, defaults?: Defaults): Omit<Generation, "prompt">;
export function withDefaults(
  wish: Unprompted,
  use: ToolUse | undefined = allOf(wish.tools),
  defaults: Defaults = DEFAULTS,
): Omit<Generation, "prompt"> {
  const { sampling, tools, toolChoice, parallelCalls, output, outputName, maxTokens, maxTokensLimit, cache, ...rest } =
    wish;
  const asked = maxTokens === undefined ? defaults.maxTokens : (maxTokens ?? undefined);
  return {
    ...rest,
    ...(use !== undefined && { tools: use }),
    ...(output !== undefined && output !== null && { output }),
    choices: wish.choices ?? defaults.choices,
    maxTokens: maxTokensLimit === undefined ? asked : Math.min(asked ?? maxTokensLimit, maxTokensLimit),
    stop: wish.stop ?? [],
    sampling: settleSampling(sampling),
    said: wish,
  };
}

function allOf(tools: readonly Tool[] = []): ToolUse | undefined {
  return tools.length === 0 ? undefined : { tools, choice: "auto", allowed: undefined, parallel: true };
}
