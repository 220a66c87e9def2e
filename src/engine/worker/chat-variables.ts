import type { Message, Prompt, Tool, ToolCall } from "../../generation/request.ts";
import { readOwnJson } from "../../json/parse.ts";

export type ChatPrompt = Extract<Prompt, { type: "chat" }>;

/**
 * The variables of a chat template, as in Hugging Face's `apply_chat_template`, for which templates are written. The request's own variables
 * can't replace them.
 */
export function chatVariables(prompt: ChatPrompt, tools: readonly Tool[]): Record<string, unknown> {
  return {
    ...prompt.templateArguments,
    messages: prompt.messages.map(messageVariable),
    ...(tools.length > 0 && { tools: tools.map(toolVariable) }),
    add_generation_prompt: prompt.continueFinal !== true && prompt.withoutLead !== true,
  };
}

function messageVariable({ role, content, name, toolCalls, toolCallId, reasoning }: Message): Record<string, unknown> {
  return {
    role,
    content,
    ...(name !== undefined && { name }),
    // gpt-oss's template uses `thinking`; transformers sets both, too.
    ...(reasoning !== undefined && { reasoning_content: reasoning, thinking: reasoning }),
    ...(toolCalls !== undefined && toolCalls.length > 0 && { tool_calls: toolCalls.map(callVariable) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

function callVariable({ id, name, arguments: text }: ToolCall): Record<string, unknown> {
  return { id, type: "function", function: { name, arguments: parsedArguments(text) } };
}

/** Templates write arguments with `tojson` or iterate over them, so they get the parsed value. Invalid JSON stays text. */
function parsedArguments(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return readOwnJson(text);
  } catch {
    return text;
  }
}

function toolVariable({ name, description, parameters }: Tool): Record<string, unknown> {
  return {
    type: "function",
    function: {
      name,
      ...(description !== undefined && { description }),
      // Some templates access it without a check.
      parameters: typeof parameters === "object" ? parameters : { type: "object", properties: {} },
    },
  };
}
