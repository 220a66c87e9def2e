import type { Message } from "../conversation/message.ts";
import { readJson, type Settings, stopsOf } from "../conversation/settings.ts";

/** A request of `POST /v1/chat/completions`. */
export type Body = { readonly model: string; readonly messages: readonly object[]; readonly [field: string]: unknown };

const ALTERNATIVES = 5;

/**
 * Makes the request that answers a path of messages. If the last one is an answer, the request continues it. The settings have no problems
 * (`findProblems`).
 */
export function buildBody(model: string, path: readonly Message[], settings: Settings): Body {
  const stops = stopsOf(settings);
  const schema = parsed(settings.schema);
  const tools = parsed(settings.tools);
  const variables = settings.variables[model] ?? {};
  return {
    model,
    messages: [
      ...(settings.system.trim() === "" ? [] : [{ role: "system", content: settings.system }]),
      ...path.map(encodeMessage),
    ],
    ...settings.numbers,
    ...(stops.length > 0 && { stop: stops }),
    ...(settings.effort !== "" && { reasoning_effort: settings.effort }),
    ...(schema !== undefined && {
      response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
    }),
    ...(Array.isArray(tools) && tools.length > 0 && { tools }),
    ...(settings.hasProbabilities && { logprobs: true, top_logprobs: ALTERNATIVES }),
    ...(Object.keys(variables).length > 0 && { variables }),
    ...(path.at(-1)?.role === "assistant" && { continue_final_message: true }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

function encodeMessage(message: Message): object {
  switch (message.role) {
    case "user":
      return { role: "user", content: message.content };
    case "tool":
      return { role: "tool", tool_call_id: message.call, content: message.content };
    case "assistant":
      return {
        role: "assistant",
        content: message.content,
        ...(message.reasoning !== "" && { reasoning_content: message.reasoning }),
        ...(message.calls.length > 0 && {
          tool_calls: message.calls.map((call) => ({
            id: call.id,
            type: "function",
            function: { name: call.name, arguments: call.arguments },
          })),
        }),
      };
  }
}

function parsed(text: string): unknown {
  const json = readJson(text);
  return json.isWrong ? undefined : json.value;
}
