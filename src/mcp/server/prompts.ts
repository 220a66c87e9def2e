import { type GetPromptResult, type Prompt, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Door } from "./door.ts";
import { isPreset, type ListedPreset, listModels } from "./models.ts";

const PREFIX = "preset/";
const INPUT = "input";

const composed = z.object({
  messages: z.array(z.object({ role: z.enum(["system", "user", "assistant", "tool"]), content: z.string() })),
});

/** The presets of a gateway as prompts of MCP. */
export async function listPrompts(door: Door): Promise<readonly Prompt[]> {
  return (await listModels(door)).filter(isPreset).map(toPrompt);
}

function toPrompt({ id, description, preset: { variables, takes_input: takesInput } }: ListedPreset): Prompt {
  const declared = Object.entries(variables).map(([name, variable]) => ({
    name,
    description: variable.description ?? `a value of type ${variable.type}`,
    required: variable.default === undefined,
  }));
  const input = { name: INPUT, description: "the text that the preset is used for", required: true };
  return {
    name: id.slice(PREFIX.length),
    ...(description !== undefined && { description }),
    arguments: takesInput ? [input, ...declared] : declared,
  };
}

/** A preset's conversation with values for its variables. MCP has no system messages, so a system text comes as the user's first message. */
export async function getPrompt(
  door: Door,
  name: string,
  values: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<GetPromptResult> {
  try {
    const body = { model: `${PREFIX}${name}`, variables: values };
    const { messages } = composed.parse(await door.post("/apply-preset", body, signal));
    return {
      messages: messages.map(({ role, content }) => ({
        role: role === "assistant" ? "assistant" : "user",
        content: { type: "text", text: content },
      })),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, error instanceof Error ? error.message : String(error));
  }
}
