import type { Tool, ToolUse } from "../../generation/request.ts";
import type { ToolChoice, Unprompted, Wish } from "../../generation/wish.ts";
import { InvalidRequestError } from "../errors.ts";

/** The client's type and name of a tool, used when a call is encoded. */
export type ToolLabel = { readonly type: "function" | "custom"; readonly name: string; readonly namespace?: string };

/** A decoded tool of a request. */
export type ToolEntry =
  | {
      readonly label: ToolLabel;
      /** The tool for the model. Its name is unique if the client's names are. */
      readonly tool: Tool;
      /** The path of its schema or format in the request. */
      readonly place: string;
      /** The part that can't be honoured, such as `apply_patch.format`. */
      readonly lost?: string;
    }
  /** A tool that is not available here. `names` are the names that a choice may use for it. */
  | { readonly unavailable: string; readonly names: readonly string[] };

/** The tools that are offered to the model. */
export type ToolOffer = {
  /** Undefined if no tool is left. */
  readonly use: ToolUse | undefined;
  /** Keyed by the model's name of the tool. */
  readonly labels: ReadonlyMap<string, ToolLabel>;
  /** The paths of the schemas in the request, in the order of the tools in `use`. */
  readonly places: readonly string[];
  /** The client's names of the tools and parts that were dropped. */
  readonly dropped: readonly string[];
};

/** A protocol's field names and errors. */
export type OfferWords = {
  /** The path of the tool choice in the request. */
  readonly param: string;
  /** The path of the schema of the tool at this index. */
  readonly placeOf: (index: number) => string;
  readonly unknown: (name: string) => InvalidRequestError;
  /** The error for a required call without any tools. */
  readonly nothing: () => InvalidRequestError;
};

/** The decoded tool fields of a request. */
export type SaidTools = {
  /** Undefined if the request offers none. Then a preset may. */
  readonly entries: readonly ToolEntry[] | undefined;
  readonly words: OfferWords;
  /** The same as part of the wish. */
  readonly wish: Pick<Wish, "tools" | "toolChoice" | "parallelCalls">;
};

export function sayTools(
  entries: readonly ToolEntry[] | undefined,
  choice: ToolChoice | undefined,
  parallel: boolean | null | undefined,
  words: OfferWords,
): SaidTools {
  return {
    entries,
    words,
    wish: {
      ...(entries !== undefined && { tools: entries.flatMap((entry) => ("tool" in entry ? [entry.tool] : [])) }),
      ...(choice !== undefined && { toolChoice: choice }),
      ...(typeof parallel === "boolean" && { parallelCalls: parallel }),
    },
  };
}

/** Returns the request's tools, or the preset's if the request offers none. Throws as `offerTools` does. */
export function resolveOffer({ entries, words }: SaidTools, wish: Unprompted): ToolOffer {
  const { tools = [], toolChoice = { mode: "auto" }, parallelCalls = true } = wish;
  const ofPreset = (): ToolEntry[] =>
    tools.map((tool, index) => ({
      label: { type: "function", name: tool.name },
      tool,
      place: words.placeOf(index),
    }));
  return offerTools(entries ?? ofPreset(), toolChoice, parallelCalls, words);
}

type Available = Extract<ToolEntry, { label: ToolLabel }>;

/**
 * Drops unavailable tools and repeated names, since the model need not use every offered tool. Throws `InvalidRequestError` if the choice
 * requires a dropped tool, names an unknown tool, or requires a call when no tool is left.
 */
function offerTools(
  entries: readonly ToolEntry[],
  choice: ToolChoice,
  parallel: boolean,
  words: OfferWords,
): ToolOffer {
  const offered = new Map<string, Available>();
  const dropped: string[] = [];
  for (const entry of entries) {
    if ("unavailable" in entry) {
      dropped.push(entry.unavailable);
    } else if (offered.has(entry.tool.name)) {
      dropped.push(entry.label.name);
    } else {
      offered.set(entry.tool.name, entry);
      if (entry.lost !== undefined) dropped.push(entry.lost);
    }
  }
  const allowed = "named" in choice ? resolveNames(choice, entries, offered, words) : undefined;
  const isForced = "named" in choice ? choice.isForced : choice.mode === "required";
  if (isForced && (allowed?.length ?? offered.size) === 0) {
    throw dropped.length === 0 ? words.nothing() : unavailable(dropped.join("', '"), words);
  }
  const isNone = "named" in choice ? allowed?.length === 0 : choice.mode === "none";
  return {
    use:
      offered.size === 0
        ? undefined
        : {
            tools: Array.from(offered.values(), ({ tool }) => tool),
            choice: isForced ? "required" : isNone ? "none" : "auto",
            allowed: allowed?.length === 0 ? undefined : allowed,
            parallel: parallel && !("named" in choice && choice.isSingle),
          },
    labels: new Map(Array.from(offered, ([name, { label }]) => [name, label])),
    places: Array.from(offered.values(), ({ place }) => place),
    dropped: [...new Set(dropped)],
  };
}

/** The model's names of the tools in the choice, without unavailable ones. */
function resolveNames(
  { named, isForced }: Extract<ToolChoice, { named: unknown }>,
  entries: readonly ToolEntry[],
  offered: ReadonlyMap<string, Available>,
  words: OfferWords,
): readonly string[] {
  const found = named.flatMap(({ name, namespace, type }) => {
    const called = name ?? type;
    const own = Array.from(offered).filter(([modelName, { label }]) =>
      name === undefined
        ? false
        : label.name === name && (namespace === undefined || label.namespace === namespace)
          ? true
          : modelName === name || label.namespace === name,
    );
    if (own.length > 0) return own.map(([modelName]) => modelName);
    if (name === undefined || entries.some((entry) => isMeant(entry, called, type))) {
      if (isForced && named.length === 1) throw unavailable(called, words);
      return [];
    }
    throw words.unknown(called);
  });
  return [...new Set(found)];
}

/** Whether a choice refers to this unavailable tool, by its name or its type. */
function isMeant(entry: ToolEntry, called: string, type: string): boolean {
  return "unavailable" in entry && [called, type].some((name) => entry.names.includes(name));
}

function unavailable(type: string, { param }: OfferWords): InvalidRequestError {
  return new InvalidRequestError(
    `Unsupported value: '${param}' asks for '${type}', which is not available here: no tool runs on this server. ` +
      "Offer a function of your own for it, or set 'tool_choice' to 'auto'.",
    param,
    "unsupported_value",
  );
}
