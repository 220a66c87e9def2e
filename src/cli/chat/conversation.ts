import type { GatewayClient } from "../gateway-client.ts";
import type { ToolUse } from "../mcp/tool-calls.ts";
import { readTurn, type Turn, type WireCall } from "./turn.ts";

export type Message =
  | {
      readonly role: "system" | "user" | "assistant";
      readonly content: string;
      readonly tool_calls?: readonly WireCall[];
    }
  | { readonly role: "tool"; readonly content: string; readonly tool_call_id: string };

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
  /** What comes next is of another turn, after calls of tools. */
  readonly pause?: () => void;
};

/** How an answer ended. */
export type Ending = Pick<Turn, "stats" | "reason"> & {
  /** Whether the model would have called more tools than it may. */
  readonly isOutOfRounds?: true;
  /** Whether the stream ended without saying why. */
  readonly isUnfinished?: true;
};

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

type Given = {
  readonly model: string;
  readonly system: string;
  /** What was said before. */
  readonly before?: readonly Message[];
  /** Fields of each request. */
  readonly sampling: object;
  /** The tools that may be called now. */
  readonly tools?: () => ToolUse | undefined;
};

export function createConversation(
  client: Pick<GatewayClient, "stream">,
  given: Given,
  now: () => number = () => performance.now(),
): Conversation {
  let messages: readonly Message[] = given.before ?? [];

  /** Calls the tools of a turn one after the other, since the user is asked about each. Returns undefined if it was stopped. */
  async function run(calls: Turn["calls"], tools: ToolUse, signal: AbortSignal): Promise<Message[] | undefined> {
    const results: Message[] = [];
    for (const { id, function: called } of calls) {
      try {
        results.push({ role: "tool", tool_call_id: id, content: await tools.run(called, signal) });
      } catch (error) {
        if (!signal.aborted) throw error;
        return undefined;
      }
    }
    return results;
  }

  return {
    model: given.model,
    system: given.system,
    get messages() {
      return messages;
    },
    async ask(text, reader, signal) {
      const { model, system } = this;
      const asked: readonly Message[] = [...messages, { role: "user", content: text }];
      const said: Message[] = [];
      const head: readonly Message[] = system === "" ? [] : [{ role: "system", content: system }];
      const tools = given.tools?.();
      for (let round = 0; ; round += 1) {
        const isLast = tools === undefined || round >= tools.maxRounds;
        const body = {
          ...{ model, ...given.sampling, stream: true, stream_options: { include_usage: true } },
          ...(tools !== undefined &&
            tools.definitions.length > 0 && { tools: tools.definitions, tool_choice: isLast ? "none" : "auto" }),
          messages: [...head, ...asked, ...said],
        };
        const { answer, calls, reason, isUnfinished, stats } = await readTurn(client, body, reader, signal, now);
        const end = (how: Turn["reason"]): Ending => {
          messages = [...asked, ...said, { role: "assistant", content: answer }];
          return {
            ...{ stats, reason: how },
            ...(isUnfinished && { isUnfinished }),
            ...(tools !== undefined && isLast && { isOutOfRounds: true }),
          };
        };
        if (isLast || calls.length === 0 || reason !== "stop") return end(reason);
        reader.pause?.();
        const results = await run(calls, tools, signal);
        if (results === undefined) return end("stopped");
        said.push({ role: "assistant", content: answer, tool_calls: calls }, ...results);
      }
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
