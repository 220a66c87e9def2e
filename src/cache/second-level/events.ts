import { z } from "zod";
import { FINISH_REASONS, type GenerationEvent } from "../../generation/event.ts";

const count = z.int().min(0);
const logprob = z.number().max(0).or(z.literal(Number.NEGATIVE_INFINITY));
const token = z.object({ token: count.exactOptional(), bytes: z.array(z.int().min(0).max(255)), logprob });
const sampled = token.extend({ top: z.array(token) });

const event = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("started"),
    promptTokens: count.exactOptional(),
    cachedTokens: count.exactOptional(),
    isReplay: z.literal(true),
  }),
  z.object({
    ...{ type: z.literal("usage"), promptTokens: count, cachedTokens: count, completionTokens: count },
    reasoningTokens: count.exactOptional(),
  }),
  z.object({ type: z.literal("text"), choice: count, text: z.string(), logprobs: z.array(sampled).optional() }),
  z.object({ type: z.literal("reasoning"), choice: count, text: z.string() }),
  z.object({ type: z.literal("refusal"), choice: count, text: z.string() }),
  z.object({ type: z.literal("toolCall"), choice: count, index: count, id: z.string(), name: z.string() }),
  z.object({ type: z.literal("toolArguments"), choice: count, index: count, text: z.string() }),
  z.object({
    type: z.literal("finished"),
    choice: count,
    reason: z.enum(FINISH_REASONS),
    completionTokens: count.optional(),
    reasoningTokens: count.optional(),
    stopString: z.string().optional(),
  }),
]);

/** The output of `unpackAnswer` for a valid answer. */
export const timedEvents = z.array(z.object({ event, afterMs: z.number().min(0) }));

/** Whether the events are a whole answer with this many choices: it starts once, each choice finishes once, and only usage follows the end. */
export function isWhole([first, ...others]: readonly GenerationEventLike[], choices: number): boolean {
  if (first?.type !== "started") return false;
  const ended = new Set<number>();
  for (const { type, choice } of others) {
    if (type === "usage") continue;
    if (type === "started" || choice === undefined || choice >= choices || ended.has(choice)) return false;
    if (type === "finished") ended.add(choice);
  }
  return ended.size === choices;
}

type GenerationEventLike = { readonly type: GenerationEvent["type"]; readonly choice?: number };
