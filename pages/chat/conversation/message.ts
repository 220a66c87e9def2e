import type { Settings } from "./settings.ts";

/** What all messages of a conversation's tree have in common. */
type Node = {
  readonly id: string;
  readonly conversation: string;
  /** The message before this one; null for the first. Messages with one parent are branches. */
  readonly parent: string | null;
  readonly createdAtMs: number;
};

export type UserMessage = Node & { readonly role: "user"; readonly content: string };

/** The result of a call, typed in by the user. */
export type ToolMessage = Node & { readonly role: "tool"; readonly call: string; readonly content: string };

/** A call of a tool that the model has written. */
export type Call = { readonly id: string; readonly name: string; readonly arguments: string };

/** A token with its logarithmic probability. `bytes` are its own, since a token may be a part of a character. */
export type Likely = { readonly text: string; readonly logprob: number; readonly bytes: readonly number[] | null };

/** A token of an answer, with those that could have been in its place. */
export type Token = Likely & { readonly others: readonly Likely[] };

/**
 * How far an answer is: `cut` means that its connection was lost, and the rest could not be had; `edited` that the user wrote it.
 */
type AnswerState = "writing" | "done" | "stopped" | "cut" | "failed" | "edited";

/** Why there is no answer, or no whole one. */
export type AnswerProblem = { readonly message: string; readonly code: string | null; readonly status: number | null };

/** Where a stream can be taken up again. */
export type Pickup = { readonly request: string; readonly lastEvent: string };

export type AssistantMessage = Node & {
  readonly role: "assistant";
  /** The model or preset that was asked. */
  readonly model: string;
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly Call[];
  readonly state: AnswerState;
  /** The settings that the request was made with. */
  readonly settings: Settings;
  readonly finish: string | null;
  readonly problem: AnswerProblem | null;
  readonly facts: Facts;
  /** How many tokens with probabilities are stored for it, apart from the message: they are many, and seldom looked at. */
  readonly tokenCount: number;
  /** Where in `content` those tokens begin. What was there before the request has none. */
  readonly tokensFromChar: number;
  readonly pickup: Pickup | null;
};

export type Message = UserMessage | ToolMessage | AssistantMessage;

/** What is known of an answer's making. Absent means unknown. */
export type Facts = {
  /** The model that answered, which a preset, an alias or a route chose. */
  readonly answeredBy?: string;
  readonly firstTokenMs?: number;
  readonly tokensPerSecond?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly reasoningTokens?: number;
  readonly cachedTokens?: number;
  /** The header `cache-status`, as RFC 9211 has it. */
  readonly cacheStatus?: string;
  /** US dollars. */
  readonly cost?: number;
  readonly joules?: number;
  readonly isEnergyEstimated?: boolean;
  readonly queueMs?: number;
  /** The header `sluice-route`. */
  readonly route?: string;
  readonly requestId?: string;
  /** The headers that name what of a schema, and which tools, were left out. */
  readonly schemaDropped?: string;
  readonly toolsDropped?: string;
};

/** One of the threads of a conversation that are shown side by side. */
export type Lane = {
  readonly model: string;
  /** The last message that is shown; null if there is none. */
  readonly head: string | null;
};

export type Conversation = {
  readonly id: string;
  readonly title: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly settings: Settings;
  /** One, or two to compare models. */
  readonly lanes: readonly Lane[];
};
