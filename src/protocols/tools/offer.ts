import type { Tool, ToolUse } from "../../generation/request.ts";
import type { ToolChoice, Unprompted, Wish } from "../../generation/wish.ts";
import { InvalidRequestError } from "../errors.ts";

/** What a call of a tool is told as: which kind of tool it is, and its name as the client knows it. */
export type ToolLabel = { readonly type: "function" | "custom"; readonly name: string; readonly namespace?: string };

/** A tool that a request offers, understood. */
export type ToolEntry =
  | {
      readonly label: ToolLabel;
      /** As the model gets it; its name is unique where the client's names are. */
      readonly tool: Tool;
      /** Where in the request its schema or its format stands. */
      readonly place: string;
      /** What of it can't be honoured, such as `apply_patch.format`. */
      readonly lost?: string;
    }
  /** One that can't exist here. `names` are those by which a choice may mean it. */
  | { readonly unavailable: string; readonly names: readonly string[] };

/** What a request offers the model. */
export type ToolOffer = {
  /** Undefined where nothing is left to offer. */
  readonly use: ToolUse | undefined;
  /** By the name that the model knows. */
  readonly labels: ReadonlyMap<string, ToolLabel>;
  /** Where in the request the schemas of the tools in `use` stand, in their order. */
  readonly places: readonly string[];
  /** What the model is not told of, in the client's words. */
  readonly dropped: readonly string[];
};

/** How a protocol speaks of its fields. */
export type OfferWords = {
  /** Where the choice stands in the request. */
  readonly param: string;
  /** Where the schema of the tool in this place of a list stands. */
  readonly placeOf: (index: number) => string;
  readonly unknown: (name: string) => InvalidRequestError;
  /** A call is asked for, and there are no tools at all. */
  readonly nothing: () => InvalidRequestError;
};

/** What a request says of tools. */
export type SaidTools = {
  /** What it offers; undefined where it offers nothing, so that a preset may. */
  readonly entries: readonly ToolEntry[] | undefined;
  readonly words: OfferWords;
  /** The same as a wish has it. */
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

/** What is offered in the end: what the request offers, or where it offers nothing what its preset does. Throws as `offerTools`. */
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
 * An offer is no demand: tools that can't exist here are left out, and so is the second of two with one name. Throws `InvalidRequestError`
 * where the choice asks for one of them, for one that nobody offered, or for any where none is left.
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

/** The model's names of the tools that the choice names; those that can't exist here are left out. */
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

/** Whether a choice may mean a tool that can't exist here: by a name of its own, or by its type, whatever is named of it. */
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
