import type { Tool } from "../../src/generation/request.ts";
import { dialectOf } from "../../src/tools/dialect.ts";
import { createParser, type ParsedEvent } from "../../src/tools/parsing.ts";

/** What each family's published templates have in them that tells it from the others, as short as it goes. */
export const TEMPLATES = {
  hermes: `{{ tools }}<tool_call></tool_call>`,
  reasoningHermes: `{{ tools }}<tool_call></tool_call><think></think>{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`,
  qwenXml: `{{ tools }}<tool_call><function=f></tool_call>`,
  llama: `{{ tools }}{"name": f, "parameters": {}}<|start_header_id|>ipython<|end_header_id|>{{ raise_exception("This model only supports single tool-calls at once!") }}`,
  oldMistral: `{{ tools }}[TOOL_CALLS]{% if tool_call.id|length != 9 %}`,
  newMistral: `{{ tools }}[TOOL_CALLS]f[ARGS]{}[THINK][/THINK]`,
  idMistral: `{{ tools }}[TOOL_CALLS]f[CALL_ID]x[ARGS]{}`,
  deepseekR1: "<｜tool▁calls▁begin｜>```json</think>{% if add_generation_prompt %}<｜Assistant｜><think>\\n",
  deepseekV31: "<｜tool▁calls▁begin｜><｜tool▁sep｜>",
  gemma4: `{{ tools }}<|tool_call>call:f{}<tool_call|><|channel>thought\n<channel|>`,
  functionGemma: `{{ tools }}<start_function_call>call:f{}<end_function_call>`,
  harmony: `{{ tools }}<|channel|>final<|message|>{# assume max 1 tool call per message #}`,
  generic: `{% for message in messages %}<|im_start|>{{ message.content }}{% endfor %}`,
} as const;

export type TemplateName = keyof typeof TEMPLATES;

export const TOOLS: readonly Tool[] = [
  {
    name: "get_weather",
    description: "The weather at a place",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
  { name: "now" },
];

/** What a model of this family is understood to have said, the events of one kind joined. */
export function read(
  template: TemplateName,
  pieces: readonly string[],
  { tools = TOOLS, reasoning = false }: { readonly tools?: readonly Tool[]; readonly reasoning?: boolean } = {},
): ParsedEvent[] {
  const dialect = dialectOf(TEMPLATES[template]);
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const parser = createParser((source) => dialect.read(source, byName, reasoning));
  const events = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
  return join(events);
}

function join(events: readonly ParsedEvent[]): ParsedEvent[] {
  const joined: ParsedEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    if (last !== undefined && last.type !== "call" && last.type !== "cut" && last.type === event.type) {
      joined[joined.length - 1] = { type: last.type, text: last.text + event.text };
    } else {
      joined.push(event);
    }
  }
  return joined;
}

export const text = (content: string): ParsedEvent => ({ type: "text", text: content });
/** What is left where the text ended at what may be the beginning of a call. */
export const cut = (content: string): ParsedEvent => ({ type: "cut", text: content, within: "text" });
export const reasoning = (content: string): ParsedEvent => ({ type: "reasoning", text: content });
export const call = (name: string, json: string): ParsedEvent[] => [
  { type: "call", name },
  { type: "arguments", text: json },
];
