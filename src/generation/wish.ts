import type { CacheWish } from "./cache.ts";
import type { GenerationRequest, OutputFormat, Prompt, Sampling, Tool, ToolUse } from "./request.ts";
import { settleSampling } from "./sampling.ts";

/** A tool that a choice names, by its name, or by its type if it has no name, such as `web_search`. */
export type NamedTool = { readonly type: string; readonly name?: string; readonly namespace?: string };

/** Whether the model may, must or must not call tools, or which of them it may call, by the client's names. */
export type ToolChoice =
  | { readonly mode: "none" | "auto" | "required" }
  | {
      readonly named: readonly NamedTool[];
      /** Whether one of them must be called. */
      readonly isForced: boolean;
      /** Whether only one call is allowed. */
      readonly isSingle: boolean;
    };

/** The fields of a request that the server sets. */
type Decided = "id" | "model" | "terms" | "cache" | "repeat" | "journal" | "observe" | "signal" | "said" | "verbatim";
/** The fields whose form differs between a wish and a request. */
type Reworded = "prompt" | "sampling" | "tools" | "output" | "maxTokens";

/**
 * The fields that the client or its preset set. Defaults come later, with `withDefaults`. A field that is added to `GenerationRequest`
 * becomes a field of a wish, too.
 */
export type Wish = Readonly<Partial<Omit<GenerationRequest, Decided | Reworded>>> & {
  readonly prompt: Prompt;
  /** Fields of `Sampling`, with the client's values. */
  readonly sampling: Readonly<Partial<Sampling>>;
  /** The tools that may be called. An empty list means none. */
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  /** Whether several calls may be made in one turn. */
  readonly parallelCalls?: boolean;
  /** Null means any text. */
  readonly output?: OutputFormat | null;
  /** The name and description of the schema of `output`. */
  readonly outputName?: { readonly name: string; readonly description?: string };
  /** Null means as many as fit. */
  readonly maxTokens?: number | null;
  /** The limit for all answers, also if `maxTokens` is larger. */
  readonly maxTokensLimit?: number;
  /** The client's instructions to the response cache. */
  readonly cache?: CacheWish;
};

/** A wish without its prompt, because it isn't known yet or there are several. */
export type Unprompted = Omit<Wish, "prompt">;

/** A request without the fields that the server adds. */
export type Generation = Omit<GenerationRequest, Exclude<Decided, "said">>;

/** A protocol's defaults. */
export type Defaults = { readonly choices: number; readonly maxTokens: number | undefined };

const DEFAULTS: Defaults = { choices: 1, maxTokens: undefined };

/**
 * Fills in all defaults of a wish.
 *
 * @param use the tools that may be called; all if absent
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
