import type { GrammarBuilder } from "../grammar/builder.ts";
import type { CallForm, CallGrammar, ToolsByName } from "./call-form.ts";
import { deepseek } from "./families/deepseek.ts";
import { gemma } from "./families/gemma.ts";
import { generic } from "./families/generic.ts";
import { HARMONY_TRIGGERS, harmonyFinal, harmonyGrammar, readHarmony } from "./families/harmony.ts";
import { hermes } from "./families/hermes.ts";
import { llama } from "./families/llama.ts";
import { mistral } from "./families/mistral.ts";
import { qwenXml } from "./families/qwen-xml.ts";
import type { Parsing } from "./parsing.ts";
import { readTagged } from "./read-tagged.ts";
import { opensReasoning, type ReasoningMarks, reasoningMarks } from "./reasoning.ts";
import type { Source } from "./source.ts";

/** How a model writes calls and reasoning, by its chat template. */
export type Dialect = {
  readonly family: "hermes" | "qwen-xml" | "llama" | "mistral" | "deepseek" | "gemma" | "harmony" | "generic";
  /** Whether its answers may contain reasoning. */
  readonly reasons: boolean;
  /** The marks at the beginning and end of its reasoning, if any. */
  readonly marks: ReasoningMarks | undefined;
  /** Whether the template can show tools, calls and their results; otherwise they are written as text. */
  readonly templateHasTools: boolean;
  /** Whether the template accepts only one call per message. */
  readonly oneCallAMessage: boolean;
  /** Whether the template accepts either text or reasoning before a call, but not both. */
  readonly wordsOrReasoning: boolean;
  /** The length that the template requires for ids of calls. */
  readonly idLength: number | undefined;
  /** Whether the template refuses system messages. */
  readonly refusesSystem: boolean;
  /** Whether its marks may be control tokens, so that the text must show these. */
  readonly readsControlTokens: boolean;
  readonly triggers: readonly string[];
  readonly form: Pick<CallForm, "write" | "example">;
  readonly grammar: (parts: CallGrammar) => string;
  /** Returns the GBNF of the text before an answer in a requested format; "" for none. */
  readonly formatLead: (builder: GrammarBuilder) => string;
  /** Whether an answer begins inside the reasoning. */
  readonly opensReasoning: (wanted: boolean | undefined) => boolean;
  readonly read: (source: Source, tools: ToolsByName, reasoning: boolean) => Parsing;
};

/** Detects the dialect of the models with this chat template. */
export function dialectOf(template: string): Dialect {
  const facts = {
    oneCallAMessage: /single tool-calls at once|assume max 1 tool call/.test(template),
    wordsOrReasoning: template.includes("Cannot pass both content and thinking"),
    idLength: template.includes("length != 9") ? 9 : undefined,
    refusesSystem: /system role not supported/i.test(template),
  };
  if (template.includes("<|channel|>") && template.includes("<|message|>")) {
    return {
      ...facts,
      family: "harmony",
      templateHasTools: true,
      reasons: true,
      marks: undefined,
      readsControlTokens: true,
      triggers: HARMONY_TRIGGERS,
      form: hermes,
      grammar: harmonyGrammar,
      formatLead: harmonyFinal,
      opensReasoning: () => false,
      read: (source, tools) => readHarmony(source, tools),
    };
  }
  const marks = reasoningMarks(template);
  const [family, form] = formOf(template);
  return {
    ...facts,
    family,
    // Sluice can't parse this form of calls, so it asks the model for one that it can.
    templateHasTools: family !== "generic" && /\btools\b/.test(template),
    reasons: marks !== undefined,
    marks,
    readsControlTokens: family !== "generic" || marks !== undefined,
    triggers: form.triggers,
    form,
    grammar: form.grammar,
    formatLead: () => "",
    opensReasoning: (wanted) => marks !== undefined && opensReasoning(template, marks, wanted),
    read: (source, tools, reasoning) => readTagged(source, { form, marks, tools, reasoning }),
  };
}

function formOf(template: string): readonly [Exclude<Dialect["family"], "harmony">, CallForm] {
  if (template.includes("<|tool_call>") || template.includes("<start_function_call>"))
    return ["gemma", gemma(template)];
  if (template.includes("<｜tool▁calls▁begin｜>")) return ["deepseek", deepseek(template)];
  if (template.includes("[TOOL_CALLS]")) return ["mistral", mistral(template)];
  if (template.includes("<function=") && template.includes("<tool_call>")) return ["qwen-xml", qwenXml];
  // GLM writes its arguments in tags, Functionary its calls.
  if (template.includes("<tool_call>") && !template.includes("<arg_key>")) return ["hermes", hermes];
  if (template.includes("ipython") && template.includes('"parameters": ')) return ["llama", llama];
  return ["generic", generic];
}
