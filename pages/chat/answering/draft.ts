import type { AssistantMessage, Call, Facts, Token } from "../conversation/message.ts";
import type { Piece } from "./chunk.ts";

/** What comes in less came at once, and tells of the connection. */
const SHORTEST_SECONDS = 0.1;

/**
 * An answer while it is written. Pieces are collected, and joined only when the answer is looked at: once a frame, not once a token.
 */
export type Draft = {
  readonly add: (piece: Piece, nowMs: number) => void;
  /** Forgets the times, because the stream was interrupted: they would tell of the connection, not of the model. */
  readonly spoilTimes: () => void;
  /** The answer so far. */
  readonly look: () => AssistantMessage;
  /** The tokens since the last call. */
  readonly takeTokens: () => readonly Token[];
};

/**
 * Begins to write an answer after what the message already has.
 * @param sentAtMs when the request was sent
 */
export function createDraft(message: AssistantMessage, sentAtMs: number): Draft {
  let content = message.content;
  let reasoning = message.reasoning;
  let tokenCount = message.tokenCount;
  let tokens: Token[] = [];
  const calls: Call[] = message.calls.map((call) => ({ ...call }));
  let finish: string | null = null;
  let facts: Facts = {};
  let problem = message.problem;
  let firstMs: number | undefined;
  let lastMs: number | undefined;
  let hasTimes = true;

  function mark(nowMs: number): void {
    firstMs ??= nowMs;
    lastMs = nowMs;
  }

  return {
    add(piece, nowMs) {
      switch (piece.type) {
        case "model":
          if (facts.answeredBy !== piece.id) facts = { ...facts, answeredBy: piece.id };
          return;
        case "text":
          content += piece.text;
          tokens.push(...piece.tokens);
          tokenCount += piece.tokens.length;
          return mark(nowMs);
        case "reasoning":
          reasoning += piece.text;
          return mark(nowMs);
        case "call": {
          const call = calls[piece.index] ?? { id: "", name: "", arguments: "" };
          calls[piece.index] = {
            id: call.id + piece.id,
            name: call.name + piece.name,
            arguments: call.arguments + piece.text,
          };
          return mark(nowMs);
        }
        case "finish":
          finish = piece.reason;
          return;
        case "usage":
          facts = { ...facts, ...piece.facts };
          return;
        case "failure":
          problem = { message: piece.message, code: piece.code, status: null };
          return;
      }
    },

    spoilTimes() {
      hasTimes = false;
    },

    look() {
      return {
        ...message,
        content,
        reasoning,
        tokenCount,
        calls: calls.filter((call) => call !== undefined),
        finish,
        problem,
        facts: { ...facts, ...(hasTimes ? timesOf(facts) : {}) },
      };
    },

    takeTokens() {
      const taken = tokens;
      tokens = [];
      return taken;
    },
  };

  function timesOf({ completionTokens }: Facts): Facts {
    if (firstMs === undefined || lastMs === undefined) return {};
    const seconds = (lastMs - firstMs) / 1000;
    return {
      firstTokenMs: firstMs - sentAtMs,
      // The first token isn't in the time between the first and the last.
      ...(completionTokens !== undefined &&
        completionTokens > 1 &&
        seconds > SHORTEST_SECONDS && { tokensPerSecond: (completionTokens - 1) / seconds }),
    };
  }
}
