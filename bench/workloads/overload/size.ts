import type { Writer } from "../../load/text.ts";
import type { ChatRequest, Session } from "../session.ts";

export const SLOTS = 4;
/** How soon after the request the first text of a good answer comes. */
export const STANDARD_TTFT_MS = 5_000;
/** How many requests are offered for each that a server can answer. */
export const OVERLOAD = 4;
/** What the polite key asks for, of what a server can do: two fifths of its fair share, one request after the other. */
export const POLITE_SHARE = 1 / 5;

const PROMPT_TOKENS = 60;
/** Enough that a few pauses, while others' prompts are evaluated, are less than one gap in twenty. */
const NEW_TOKENS = 64;

/** How much is done. Everything ends by itself: a load `patienceMs` after its last client came. */
export type Size = {
  /** Requests one after the other. */
  readonly alone: number;
  /** For how long all slots are kept busy, without anybody waiting. */
  readonly busyMs: number;
  readonly loadMs: number;
  readonly spike: number;
  readonly spikeMs: number;
  readonly patienceMs: number;
};

export const FULL_SIZE: Size = {
  ...{ alone: 20, busyMs: 16_000 },
  ...{ loadMs: 60_000, spike: 1_000, spikeMs: 1_000, patienceMs: 30_000 },
};

export const QUICK_SIZE: Size = {
  ...{ alone: 10, busyMs: 3_000 },
  ...{ loadMs: 10_000, spike: 200, spikeMs: 1_000, patienceMs: 12_000 },
};

/** A request like all others, with another text. */
export function makeRequest(session: Session, writer: Writer): ChatRequest {
  return session.prompt(writer, PROMPT_TOKENS, NEW_TOKENS);
}
