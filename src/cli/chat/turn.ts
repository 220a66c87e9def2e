import { z } from "zod";
import { CommandError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";
import type { AnswerStats, Reader } from "./conversation.ts";

const usageSchema = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
});

const callDelta = z.object({
  index: z.int(),
  id: z.string().optional(),
  function: z.object({ name: z.string().optional(), arguments: z.string().optional() }).optional(),
});

const eventSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({
    model: z.string().optional(),
    choices: z.array(
      z.object({
        delta: z
          .object({
            content: z.string().nullish(),
            reasoning_content: z.string().nullish(),
            tool_calls: z.array(callDelta).nullish(),
          })
          .optional(),
        finish_reason: z.string().nullish(),
      }),
    ),
    usage: usageSchema.nullish(),
  }),
]);

/** A call of a tool, as messages have it. */
export type WireCall = {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
};

/** What a model said to one request. */
export type Turn = {
  readonly answer: string;
  readonly calls: readonly WireCall[];
  readonly reason: "stop" | "length" | "stopped";
  /** Whether the stream ended without saying why. */
  readonly isUnfinished: boolean;
  readonly stats: AnswerStats;
};

/** Sends one request and reads its answer. Throws a CommandError. */
export async function readTurn(
  client: Pick<GatewayClient, "stream">,
  body: { readonly model: string },
  reader: Reader,
  signal: AbortSignal,
  now: () => number,
): Promise<Turn> {
  const beginMs = now();
  const calls = new Map<number, { id: string; name: string; text: string }>();
  let answer = "";
  let firstTextMs: number | undefined;
  let reason: Turn["reason"] = "stop";
  let isUnfinished = true;
  let usage: z.infer<typeof usageSchema> | undefined;
  let { model } = body;
  try {
    for await (const event of client.stream("/v1/chat/completions", body, signal)) {
      const { data } = eventSchema.safeParse(event);
      if (data === undefined) continue;
      if ("error" in data) throw new CommandError(data.error.message);
      model = data.model ?? model;
      usage = data.usage ?? usage;
      for (const { delta, finish_reason: finish } of data.choices) {
        if (delta?.content || delta?.reasoning_content) firstTextMs ??= now() - beginMs;
        if (delta?.reasoning_content) reader.addThought(delta.reasoning_content);
        if (delta?.content) reader.add(delta.content);
        answer += delta?.content ?? "";
        for (const piece of delta?.tool_calls ?? []) addTo(calls, piece);
        if (finish) isUnfinished = false;
        if (finish === "length") reason = "length";
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    reason = "stopped";
  }
  return {
    ...{ answer, reason, isUnfinished },
    calls: [...calls.values()].map(({ id, name, text }) => ({
      ...{ id, type: "function", function: { name, arguments: text } },
    })),
    stats: {
      ...{ model, totalMs: now() - beginMs },
      ...(firstTextMs !== undefined && { firstTextMs }),
      ...(usage && {
        promptTokens: usage.prompt_tokens,
        cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
        answerTokens: usage.completion_tokens,
      }),
    },
  };
}

function addTo(
  calls: Map<number, { id: string; name: string; text: string }>,
  { index, id, function: called }: z.infer<typeof callDelta>,
): void {
  const call = calls.get(index) ?? { id: "", name: "", text: "" };
  call.id ||= id ?? "";
  call.name ||= called?.name ?? "";
  call.text += called?.arguments ?? "";
  calls.set(index, call);
}
