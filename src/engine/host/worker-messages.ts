import { z } from "zod";
import type { VocabularyWorkerMessage, WorkerMessage } from "../messages.ts";

const count = z.int().min(0);

const info = z.object({
  slots: count,
  contextTokens: count,
  trainContextTokens: count,
  vocabularySize: count,
  embeddingSize: count,
  description: z.string(),
  parameters: count,
  chatTemplate: z.string().exactOptional(),
  canInfill: z.boolean(),
  bosToken: z.string().exactOptional(),
  eosToken: z.string().exactOptional(),
  device: z.string(),
  threads: count,
});

const rejection = z.discriminatedUnion("code", [
  z.object({
    code: z.literal("context_length_exceeded"),
    promptTokens: count,
    contextTokens: count,
    atLeast: z.boolean(),
  }),
  z.object({ code: z.literal("unrenderable_prompt"), reason: z.string() }),
  z.object({
    code: z.literal("invalid_sampling"),
    field: z.string(),
    reason: z.string(),
  }),
  z.object({ code: z.literal("failed"), reason: z.string() }),
]);

const bytes = z.array(z.int().min(0).max(255));
const scored = { token: count, bytes, logprob: z.number().max(0) };

const update = z.object({
  id: count,
  started: z.object({ promptTokens: count, cachedTokens: count }).exactOptional(),
  promptLogprobs: z
    .array(z.object({ ...scored, logprob: z.number().max(0).nullable(), top: z.array(z.object(scored)) }))
    .exactOptional(),
  tokens: z.array(count),
  text: z.string(),
  logprobs: z.array(z.object({ ...scored, top: z.array(z.object(scored)) })).exactOptional(),
  finished: z
    .object({
      reason: z.enum(["stop", "length"]),
      completionTokens: count,
      stopString: z.string().exactOptional(),
    })
    .exactOptional(),
});

const answer = z.discriminatedUnion("type", [
  // Not element by element: a question may have a hundred thousand of them for its answer.
  z.object({ type: z.literal("tokens"), tokens: z.instanceof(Uint32Array) }),
  z.object({ type: z.literal("prompt"), tokens: z.instanceof(Uint32Array), stop: z.array(z.string()) }),
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("pieces"), pieces: z.array(z.union([z.string(), bytes])) }),
  z.object({ type: z.literal("count"), count }),
  z.object({ type: z.literal("price"), promptTokens: count, cachedTokens: count }),
  z.object({ type: z.literal("rejected"), rejection }),
]);

const loadFailed = z.object({ type: z.literal("loadFailed"), reason: z.string() });
const answered = z.object({ type: z.literal("answer"), id: count, answer });
const logged = z.object({
  type: z.literal("log"),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
});

/**
 * The whole contract, steps included: a step of eight updates takes about 2 µs to check (0.2 µs by hand), and no step of a
 * model is shorter than a millisecond, so there is nothing to win by a second, weaker way of checking.
 */
const workerMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded"), info }),
  loadFailed,
  z.object({ type: z.literal("rejected"), id: count, rejection }),
  z.object({ type: z.literal("step"), updates: z.array(update) }),
  answered,
  z.object({ type: z.literal("heartbeat"), decodingForMs: z.number().min(0) }),
  logged,
]);

const vocabularyMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loaded") }),
  loadFailed,
  answered,
  logged,
]);

/** What came over a channel: a message of the contract, or what is wrong with it. */
export type Parsed<Message> = { readonly message: Message } | { readonly problem: string };

/** Without `readonly`, which zod's types don't have. */
type Plain<T> = T extends ArrayBufferView
  ? ArrayBufferView
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : T extends object
      ? { -readonly [Key in keyof T]: Plain<T[Key]> }
      : T;

/** Whether two types are the same, field by field: one that is assignable to the other may lack what is optional there. */
type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/**
 * Checks what came over the channel. A problem names fields only: a message's text must not reach the log.
 *
 * It takes only a schema of `Message` itself: a field that the schema lacks would be lost on its way in silence, and a value that it lacks
 * would end the engine's process, so neither compiles.
 */
export function parserOf<Message>() {
  return <Schema extends z.ZodType<Message>>(
    schema: IsSame<Plain<z.output<Schema>>, Plain<Message>> extends true ? Schema : never,
  ): ((value: unknown) => Parsed<Message>) => {
    return (value) => {
      const parsed = schema.safeParse(value);
      if (parsed.success) return { message: parsed.data };
      const fields = parsed.error.issues.map((issue) => `${issue.path.join(".") || "message"}: ${issue.code}`);
      return { problem: fields.slice(0, 5).join(", ") };
    };
  };
}

/** Checks what came over an engine's channel. */
export const parseWorkerMessage: (value: unknown) => Parsed<WorkerMessage> = parserOf<WorkerMessage>()(workerMessage);

/** Checks what came over the channel of a process that answers questions about text. */
export const parseVocabularyMessage: (value: unknown) => Parsed<VocabularyWorkerMessage> =
  parserOf<VocabularyWorkerMessage>()(vocabularyMessage);
