import { randomBytes } from "node:crypto";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest, Prompt } from "../generation/request.ts";
import type { ToolsByName } from "./call-form.ts";
import { type CountTokens, createChoiceReader } from "./choice-reader.ts";
import { callableTools, constrain } from "./constrain.ts";
import { prepareMessages } from "./conversation.ts";
import { type Dialect, dialectOf } from "./dialect.ts";

const CALL_DIGITS = 24;

type ChatPrompt = Extract<Prompt, { type: "chat" }>;

export type CallToolsOptions = {
  /** Loads the model's chat template; undefined for a model without one. Called once. */
  readonly loadTemplate: () => Promise<string | undefined>;
  /** Called once for each answer with reasoning. */
  readonly countTokens: CountTokens;
};

/**
 * Returns a layer around one model's engine for the model's dialect of tools and reasoning: it writes tools into the prompt if the template
 * can't, enforces the schemas of calls, and converts the engine's text to `reasoning`, `toolCall` and `toolArguments` events. A request that
 * needs none of this is passed on unchanged.
 */
export function callTools({ loadTemplate, countTokens }: CallToolsOptions): Layer {
  let dialect: Dialect | undefined;
  let loading: Promise<void> | undefined;

  async function load(): Promise<void> {
    dialect = dialectOf((await loadTemplate()) ?? "");
  }
  async function* runWhenLoaded(request: GenerationRequest, next: Generate) {
    loading ??= load();
    await unlessAborted(loading, request.signal);
    // The engine reports an aborted request itself.
    yield* dialect === undefined ? next(request) : run(request, next, dialect, countTokens);
  }
  return (request, next) => {
    if (request.prompt.type !== "chat") return next(request);
    return dialect === undefined ? runWhenLoaded(request, next) : run(request, next, dialect, countTokens);
  };
}

/** Resolves when `work` does, or `signal` is aborted. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", onAbort));
}

function run(
  request: GenerationRequest,
  next: Generate,
  dialect: Dialect,
  countTokens: CountTokens,
): AsyncIterable<GenerationEvent> {
  const { prompt, tools } = request;
  if (prompt.type !== "chat") return next(request);
  const hasCalls = prompt.messages.some(({ role, toolCalls }) => role === "tool" || toolCalls !== undefined);
  const isPlain = tools === undefined && !hasCalls && !dialect.reasons;
  return isPlain ? next(request) : translate(request, prompt, next, dialect, countTokens);
}

async function* translate(
  request: GenerationRequest,
  prompt: ChatPrompt,
  next: Generate,
  dialect: Dialect,
  countTokens: CountTokens,
): AsyncIterable<GenerationEvent> {
  const { tools, output: asked, ...rest } = request;
  const wanted = wantsReasoning(prompt.templateArguments);
  const output = constrain(request, dialect, wanted);
  const callable: ToolsByName = new Map(
    tools === undefined ? [] : callableTools(tools).map(({ tool }) => [tool.name, tool]),
  );
  // The client's own pattern or grammar begins with the first token.
  const isBare = output !== undefined && output === asked;
  const reasoning = !isBare && prompt.continueFinal !== true && dialect.opensReasoning(wanted);
  const createReader = () =>
    createChoiceReader({
      read: (source) => dialect.read(source, callable, reasoning),
      parallel: tools?.parallel ?? true,
      triggers: dialect.triggers,
      required: tools?.choice === "required" ? [...callable.keys()] : undefined,
      countTokens: dialect.reasons ? countTokens : undefined,
      callDigits: () =>
        request.journal?.digits("call").slice(0, CALL_DIGITS) ?? randomBytes(CALL_DIGITS / 2).toString("hex"),
    });

  const readers = Array.from({ length: request.choices }, createReader);
  const events = next({
    ...rest,
    prompt: { ...prompt, messages: prepareMessages(prompt.messages, tools, dialect) },
    ...(tools === undefined || !dialect.templateHasTools ? {} : { tools }),
    ...(output === undefined ? {} : { output }),
    ...(dialect.readsControlTokens ? { showControlTokens: true } : {}),
  });
  for await (const event of events) {
    const reader = "choice" in event ? readers[event.choice] : undefined;
    if (event.type === "text" && reader !== undefined) yield* reader.text(event);
    else if (event.type === "finished" && reader !== undefined) yield* await reader.finished(event);
    else yield event;
  }
}

/** Templates use one of two names. */
function wantsReasoning(given: Readonly<Record<string, unknown>> | undefined): boolean | undefined {
  const value = given?.enable_thinking ?? given?.thinking;
  return typeof value === "boolean" ? value : undefined;
}
