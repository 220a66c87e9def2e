import * as z from "zod/mini";
import type { Facts, Token } from "../conversation/message.ts";

/** What one event of a stream adds to an answer. */
export type Piece =
  | { readonly type: "model"; readonly id: string }
  | { readonly type: "text"; readonly text: string; readonly tokens: readonly Token[] }
  | { readonly type: "reasoning"; readonly text: string }
  | { readonly type: "call"; readonly index: number; readonly id: string; readonly name: string; readonly text: string }
  | { readonly type: "finish"; readonly reason: string }
  | { readonly type: "usage"; readonly facts: Facts }
  | { readonly type: "failure"; readonly message: string; readonly code: string | null };

const likely = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.nullish(z.array(z.number())),
});

const calls = z.array(
  z.object({
    index: z.number(),
    id: z.optional(z.string()),
    function: z.optional(z.object({ name: z.optional(z.string()), arguments: z.optional(z.string()) })),
    custom: z.optional(z.object({ name: z.optional(z.string()), input: z.optional(z.string()) })),
  }),
);

const chunkSchema = z.object({
  model: z.optional(z.string()),
  choices: z.optional(
    z.array(
      z.object({
        delta: z.object({
          content: z.nullish(z.string()),
          refusal: z.nullish(z.string()),
          reasoning_content: z.nullish(z.string()),
          tool_calls: z.nullish(calls),
        }),
        logprobs: z.nullish(
          z.object({
            content: z.nullish(z.array(z.extend(likely, { top_logprobs: z.optional(z.array(likely)) }))),
          }),
        ),
        finish_reason: z.nullish(z.string()),
      }),
    ),
  ),
  usage: z.nullish(
    z.object({
      prompt_tokens: z.optional(z.number()),
      completion_tokens: z.optional(z.number()),
      prompt_tokens_details: z.nullish(z.object({ cached_tokens: z.optional(z.number()) })),
      completion_tokens_details: z.nullish(z.object({ reasoning_tokens: z.optional(z.number()) })),
      cost: z.nullish(z.number()),
      energy: z.nullish(z.object({ joules: z.number(), estimated: z.optional(z.boolean()) })),
    }),
  ),
  error: z.nullish(z.object({ message: z.string(), code: z.nullish(z.string()) })),
});

type Usage = NonNullable<z.infer<typeof chunkSchema>["usage"]>;

/** Reads the data of an event. What it can't read is a failure, since an answer with holes would look like a whole one. */
export function readChunk(data: string): readonly Piece[] {
  const chunk = parse(data);
  if (chunk === undefined) {
    return [
      { type: "failure", message: "The server sent an event that is no chunk of an answer.", code: "invalid_chunk" },
    ];
  }
  const pieces: Piece[] = [];
  if (chunk.model !== undefined) pieces.push({ type: "model", id: chunk.model });
  for (const { delta, logprobs, finish_reason } of chunk.choices ?? []) {
    if (delta.reasoning_content) pieces.push({ type: "reasoning", text: delta.reasoning_content });
    const tokens = (logprobs?.content ?? []).map((token) => ({
      ...toLikely(token),
      others: (token.top_logprobs ?? []).map(toLikely),
    }));
    const text = delta.content ?? delta.refusal ?? "";
    if (text !== "" || tokens.length > 0) pieces.push({ type: "text", text, tokens });
    for (const { index, id, function: called, custom } of delta.tool_calls ?? []) {
      pieces.push({
        type: "call",
        index,
        id: id ?? "",
        name: called?.name ?? custom?.name ?? "",
        text: called?.arguments ?? custom?.input ?? "",
      });
    }
    if (finish_reason) pieces.push({ type: "finish", reason: finish_reason });
  }
  if (chunk.usage) pieces.push({ type: "usage", facts: toFacts(chunk.usage) });
  if (chunk.error) pieces.push({ type: "failure", message: chunk.error.message, code: chunk.error.code ?? null });
  return pieces;
}

function parse(data: string): z.infer<typeof chunkSchema> | undefined {
  try {
    return chunkSchema.safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
}

function toLikely({ token, logprob, bytes }: z.infer<typeof likely>) {
  return { text: token, logprob, bytes: bytes ?? null };
}

function toFacts(usage: Usage): Facts {
  const cached = usage.prompt_tokens_details?.cached_tokens;
  const reasoning = usage.completion_tokens_details?.reasoning_tokens;
  return {
    ...(usage.prompt_tokens !== undefined && { promptTokens: usage.prompt_tokens }),
    ...(usage.completion_tokens !== undefined && { completionTokens: usage.completion_tokens }),
    ...(cached !== undefined && { cachedTokens: cached }),
    ...(reasoning !== undefined && reasoning > 0 && { reasoningTokens: reasoning }),
    ...(typeof usage.cost === "number" && { cost: usage.cost }),
    ...(usage.energy && {
      joules: usage.energy.joules,
      ...(usage.energy.estimated !== undefined && { isEnergyEstimated: usage.energy.estimated }),
    }),
  };
}
