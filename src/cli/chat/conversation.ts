import { z } from "zod";
import { CommandError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";

const usageSchema = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
});

const eventSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({
    model: z.string().optional(),
    choices: z.array(
      z.object({
        delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish(),
      }),
    ),
    usage: usageSchema.nullish(),
  }),
]);

export type Message = { readonly role: "system" | "user" | "assistant"; readonly content: string };

/** What an answer took. */
export type AnswerStats = {
  readonly model: string;
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly answerTokens?: number;
  readonly firstTextMs?: number;
  readonly totalMs: number;
};

/** Who reads an answer while it comes. */
export type Reader = {
  readonly add: (text: string) => void;
  readonly addThought: (text: string) => void;
};

/** How an answer ended. */
export type Ending = { readonly stats: AnswerStats; readonly reason: "stop" | "length" | "stopped" };

/** A conversation with a model, which the gateway doesn't store. */
export type Conversation = {
  model: string;
  /** Empty for none. */
  system: string;
  readonly messages: readonly Message[];
  /** Adds a message and asks for the answer. A failure leaves the conversation as it was. Throws a CommandError. */
  readonly ask: (text: string, reader: Reader, signal: AbortSignal) => Promise<Ending>;
  /** Takes back the last message and its answer. Returns the message; undefined if there is none. */
  readonly takeBack: () => string | undefined;
  readonly clear: () => void;
};

/** @param given `before` are messages that were said before; `sampling` are fields of each request */
export function createConversation(
  client: Pick<GatewayClient, "stream">,
  given: {
    readonly model: string;
    readonly system: string;
    readonly before?: readonly Message[];
    readonly sampling: object;
  },
  now: () => number = () => performance.now(),
): Conversation {
  let messages: readonly Message[] = given.before ?? [];
  return {
    model: given.model,
    system: given.system,
    get messages() {
      return messages;
    },
    async ask(text, reader, signal) {
      const { model, system } = this;
      const asked: readonly Message[] = [...messages, { role: "user", content: text }];
      const body = {
        ...{ model, ...given.sampling, stream: true, stream_options: { include_usage: true } },
        messages: [...(system === "" ? [] : [{ role: "system", content: system }]), ...asked],
      };
      const beginMs = now();
      let answer = "";
      let firstTextMs: number | undefined;
      let reason: Ending["reason"] = "stop";
      let usage: z.infer<typeof usageSchema> | undefined;
      let answering = model;
      try {
        for await (const event of client.stream("/v1/chat/completions", body, signal)) {
          const { data } = eventSchema.safeParse(event);
          if (data === undefined) continue;
          if ("error" in data) throw new CommandError(data.error.message);
          answering = data.model ?? answering;
          usage = data.usage ?? usage;
          for (const { delta, finish_reason: finish } of data.choices) {
            if (delta?.content || delta?.reasoning_content) firstTextMs ??= now() - beginMs;
            if (delta?.reasoning_content) reader.addThought(delta.reasoning_content);
            if (delta?.content) reader.add(delta.content);
            answer += delta?.content ?? "";
            if (finish === "length") reason = "length";
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
        reason = "stopped";
      }
      messages = [...asked, { role: "assistant", content: answer }];
      return {
        reason,
        stats: {
          ...{ model: answering, totalMs: now() - beginMs },
          ...(firstTextMs !== undefined && { firstTextMs }),
          ...(usage && {
            promptTokens: usage.prompt_tokens,
            cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
            answerTokens: usage.completion_tokens,
          }),
        },
      };
    },
    takeBack() {
      const last = messages.findLastIndex(({ role }) => role === "user");
      if (last < 0) return undefined;
      const text = messages[last]?.content;
      messages = messages.slice(0, last);
      return text;
    },
    clear() {
      messages = [];
    },
  };
}
