import { z } from "zod";
import { type MessageOf, parserOf } from "../contract/parse.ts";

/** What a measuring process is asked. It answers each with one message of `measureReplySchema`, in order. */
export type MeasureRequest =
  /** First. */
  | {
      readonly type: "load";
      readonly path: string;
      /** The binding's add-on for the device, beside which llama.cpp's library is. */
      readonly addon: string;
      readonly contextTokens: number;
      readonly batchTokens: number;
      readonly threads: number;
    }
  | { readonly type: "tokenize"; readonly text: string }
  /** Evaluates a prompt of each length, in ascending order, and after each `decodeTokens` tokens one by one. */
  | { readonly type: "rates"; readonly contexts: readonly number[]; readonly decodeTokens: number }
  /** Begins a text again, with the token that begins one if the model has it. */
  | { readonly type: "begin" }
  /** Evaluates tokens that are not scored. */
  | { readonly type: "read"; readonly tokens: readonly number[] }
  /**
   * Evaluates tokens, and says how well each next one was predicted. `rows` is a file of a row of logits for each token: the reference writes it, and the
   * others read what their logits are compared with.
   */
  | {
      readonly type: "score";
      readonly tokens: readonly number[];
      readonly nextTokens: readonly number[];
      readonly rows?: { readonly path: string; readonly isReference: boolean };
    };

const count = z.int().nonnegative();
const ms = z.number().nonnegative();

const replySchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("loaded"),
    loadMs: ms,
    /** What the model has added to the process's resident memory, context included. */
    memoryBytes: z.number(),
    vocabularySize: count,
    vocabularyHash: z.string(),
    parameterCount: count,
    weightBytes: count,
    trainContextTokens: count,
    beginning: z.int().optional(),
  }),
  z.object({ type: z.literal("tokens"), tokens: z.array(z.int()), bytes: z.array(count) }),
  z.object({
    type: z.literal("rates"),
    memoryBytes: z.number(),
    points: z.array(z.object({ context: count, prefillMs: ms, decodeMs: ms, decodeTokens: count })),
    /** Of the whole machine while it decoded; absent where it has no counter that can be read. */
    joules: z.number().nonnegative().exactOptional(),
  }),
  z.object({ type: z.literal("done") }),
  z.object({
    type: z.literal("scores"),
    /** In nats. */
    losses: z.array(z.number()),
    /** The most likely tokens. */
    top: z.array(z.int()),
    /** In nats; with the reference's rows. */
    divergences: z.array(z.number()).exactOptional(),
    /** Whether the most likely token is the reference's. */
    agrees: z.array(z.boolean()).exactOptional(),
  }),
  z.object({ type: z.literal("failed"), reason: z.string() }),
]);

export type MeasureReply = MessageOf<typeof replySchema>;

export const parseMeasureReply = parserOf(replySchema);
