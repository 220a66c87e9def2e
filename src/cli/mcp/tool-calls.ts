import type { OfferedTool } from "../../mcp/client/offered.ts";
import type { Toolbox } from "../../mcp/client/toolbox.ts";
import { escapeControls, escapeHidden } from "../controls.ts";

/** A model's call of a tool. */
type ToolCall = {
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
};

/** What the user is asked about a call. */
export type Question = { readonly name: string; readonly shownArguments: string };

/** What the user says of a call. */
export type Permission = "once" | "always" | "no";

/** The tools that a model may call, and what becomes of its calls. */
export type ToolUse = {
  /** As `/v1/chat/completions` takes them. */
  readonly definitions: readonly object[];
  readonly maxRounds: number;
  /** Calls a tool if it may be called. Returns what the model is told. Rejects only with the reason of `signal`. */
  readonly run: (call: ToolCall, signal: AbortSignal) => Promise<string>;
};

type ToolUseOptions = {
  readonly toolbox: Toolbox;
  readonly maxRounds: number;
  /** The tools that are called without asking. */
  readonly allowed: ReadonlySet<string>;
  /** Asks the user; absent if there is nobody. Rejects with the reason of `signal`. */
  readonly ask?: (question: Question, signal: AbortSignal) => Promise<Permission>;
  /** Tells the user of a call. */
  readonly tell: (message: string) => void;
};

/** Offers tools to a model. Where there is nobody to ask, only those that are allowed are offered. */
export function createToolUse({ toolbox, maxRounds, allowed, ask, tell }: ToolUseOptions): ToolUse {
  const always = new Set(allowed);
  const offered = ask === undefined ? toolbox.tools.filter(({ name }) => always.has(name)) : toolbox.tools;
  return {
    definitions: offered.map(define),
    maxRounds,
    async run({ name, arguments: text }, signal) {
      const args = readArguments(text);
      if (args === undefined) return "The arguments are not a JSON object. Nothing was called.";
      if (!offered.some((tool) => tool.name === name)) return (await toolbox.call("", {}, signal)).text;
      const shownArguments = showArguments(args);
      if (!always.has(name)) {
        const permission = (await ask?.({ name, shownArguments }, signal)) ?? "no";
        if (permission === "no") return "The user has not allowed this call.";
        if (permission === "always") always.add(name);
      } else tell(`${name} ${shownArguments}`);
      const { text: result, isError } = await toolbox.call(name, args, signal);
      tell(`${name} has ${isError ? "failed" : "answered"}: ${summarize(result)}`);
      return result;
    },
  };
}

function define({ name, description, parameters }: OfferedTool): object {
  return { type: "function", function: { name, description, parameters } };
}

function readArguments(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** What is shown of arguments, from both ends, so that nothing stands unseen behind a long beginning. */
const MAX_SHOWN = 4_000;
const MAX_SUMMARY = 200;

/** Everything but visible characters is shown by its number: a user must see what is called. */
function showArguments(args: Record<string, unknown>): string {
  const text = showAll(JSON.stringify(args));
  if (text.length <= MAX_SHOWN) return text;
  const half = MAX_SHOWN / 2;
  return `${text.slice(0, half)} (… ${text.length - MAX_SHOWN} characters that are not shown …) ${text.slice(-half)}`;
}

function showAll(text: string): string {
  return escapeHidden(escapeControls(text));
}

function summarize(result: string): string {
  const [line = ""] = result.trimStart().split("\n", 1);
  const shown = showAll(line.length > MAX_SUMMARY ? `${line.slice(0, MAX_SUMMARY)}…` : line);
  return result.length > line.length ? `${shown} (${result.length} characters)` : shown;
}
