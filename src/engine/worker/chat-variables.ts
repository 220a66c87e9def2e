import type { Message, Prompt, Tool, ToolCall } from "../../generation/request.ts";
import { readOwnJson } from "../../json/parse.ts";

export type ChatPrompt = Extract<Prompt, { type: "chat" }>;

/**
 * What a chat template gets, in the names and forms of Hugging Face's `apply_chat_template`, which open models' templates are written
 * for. Among the request's own variables none takes the place of these.
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
    // gpt-oss's templates look for the second; transformers gives both too.
    ...(reasoning !== undefined && { reasoning_content: reasoning, thinking: reasoning }),
    ...(toolCalls !== undefined && toolCalls.length > 0 && { tool_calls: toolCalls.map(callVariable) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

function callVariable({ id, name, arguments: text }: ToolCall): Record<string, unknown> {
  return { id, type: "function", function: { name, arguments: parsedArguments(text) } };
}

/** Templates write arguments with `tojson` or walk their items, so they get the value; text that is no JSON stays text. */
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
      // Some templates look into it unasked.
      parameters: typeof parameters === "object" ? parameters : { type: "object", properties: {} },
    },
  };
}
