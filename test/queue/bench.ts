import type { Hold, Priority } from "../../src/generation/terms.ts";
import { createModelQueue } from "../../src/queue/queue.ts";
import { createFakeClock } from "../fake-clock.ts";

export const PROMPT_TOKENS = 100;
export const PREFILL_MS = 100;
export const TOKEN_MS = 10;
const USUAL_TOKENS = 10;
/** How long the engine takes to resume. */
export const RESUME_MS = 50;
/** A run isn't set aside within its first two seconds, and the queue looks for overdue runs once a second. */
export const SOON_MS = 3_000;
/** How long a request without a limit is likely to hold a slot. */
export const USUAL_MS = PREFILL_MS + USUAL_TOKENS * TOKEN_MS;

export type Client = {
  readonly etasMs: number[];
  readonly sentMs: number;
  turnMs: number | undefined;
  endMs: number | undefined;
  /** How often it was set aside. */
  pauses: number;
  said: number;
  /** The longest time between two of its texts. */
  gapMs: number;
  readonly leave: () => void;
};

export type Asked = {
  tokens: number;
  choices?: number;
  tenant?: string;
  priority?: Priority;
  maxTokens?: number | undefined;
  canPause?: boolean;
};

/** A queue that has measured its speeds, with an engine that generates at a steady pace and can set requests aside. */
export function createBench({
  slots = 2,
  contextTokens = 100_000,
  usualTokens = USUAL_TOKENS,
  warmUps = 30,
  doRest = false,
} = {}) {
  const clock = createFakeClock();
  const pace = { tokenMs: TOKEN_MS };
  const queue = createModelQueue({
    ...{ clock, slots, minSlots: 1, targetItlMs: 250, doRest },
    contextTokens: () => contextTokens,
  });

  function send({
    tokens,
    choices = 1,
    tenant = "a",
    priority = "default",
    maxTokens,
    canPause = true,
  }: Asked): Client {
    let cancel = () => {};
    const client: Client = {
      ...{ etasMs: [], sentMs: clock.now(), turnMs: undefined, endMs: undefined, pauses: 0, said: 0, gapMs: 0 },
      leave() {
        cancel();
        stay.leave();
      },
    };
    /** No engine says more than a request's limit. */
    const most = Math.min(tokens, choices * (maxTokens ?? Number.POSITIVE_INFINITY));
    let lastMs: number | undefined;
    function speakAfter(ms: number): void {
      cancel = clock.after(ms, speak);
    }
    function speak(): void {
      if (client.said === 0) stay.started({ promptTokens: PROMPT_TOKENS, cachedTokens: 0 });
      client.said += 1;
      stay.text(lastMs === undefined ? undefined : clock.now() - lastMs);
      if (lastMs !== undefined) client.gapMs = Math.max(client.gapMs, clock.now() - lastMs);
      lastMs = clock.now();
      if (client.said < most) {
        speakAfter(pace.tokenMs);
        return;
      }
      client.endMs = clock.now();
      stay.choiceEnded(most);
    }
    const hold: Hold = {
      pause() {
        client.pauses += 1;
        cancel();
        return true;
      },
      resume: () => speakAfter(RESUME_MS),
    };
    let isSent = false;
    function begin(): void {
      if (canPause) stay.taken(hold);
      speakAfter(PREFILL_MS);
    }
    const stay = queue.arrive({
      ...{ tenant, priority, choices, maxTokens, size: { type: "tokens", count: PROMPT_TOKENS } },
      onTurn() {
        client.turnMs = clock.now();
        // The engine starts when `arrive` has returned.
        if (isSent) begin();
      },
      onRefused() {},
      onWait: (news) => {
        if (news.type === "waiting") client.etasMs.push(news.etaMs);
      },
    });
    isSent = true;
    if (client.turnMs !== undefined) begin();
    return client;
  }
  function runFor(ms: number): void {
    clock.advance(ms);
  }
  for (let time = 0; time < warmUps; time++) {
    for (let slot = 0; slot < slots; slot++) send({ tokens: usualTokens });
    runFor(2 * (PREFILL_MS + usualTokens * TOKEN_MS));
  }
  return { clock, queue, pace, send, runFor };
}
