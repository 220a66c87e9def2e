import { setTimeout } from "node:timers/promises";
import type { Reply } from "../load/client.ts";
import { gaps, outputRate, timeToFirstToken, ttftFigures } from "../load/timing.ts";
import { quantile } from "../statistics.ts";
import { createBatchClient } from "./batch-client.ts";
import { httpEntries } from "./http.ts";
import type { ChatRequest, Session } from "./session.ts";
import type { Workload } from "./workload.ts";

const SLOTS = 8;
const PROMPT_TOKENS = 76;
const CHAT_TOKENS = 32;
/** Between two chats, as of somebody who reads. */
const THINK_MS = 500;

const counts = { lines: 32, tokens: 64, chats: 24 };
const quickCounts = { lines: 16, tokens: 32, chats: 8 };

/** Long enough not to end while somebody chats. */
const ENDLESS = { lines: 64, tokens: 400 };

/** A chat with a batch beside it and without one, and a batch alone. */
export const batch: Workload = {
  name: "batch",
  title:
    `${counts.chats} chats one after another (${quickCounts.chats} in the quick run), ${THINK_MS} ms between two, with ${PROMPT_TOKENS} prompt tokens and ${CHAT_TOKENS} new ones, ` +
    `without a batch and beside one that would fill all ${SLOTS} slots; then a batch of ${counts.lines} lines alone, and eight streams at once.`,
  needsPeer: false,
  rounds: { full: 3, quick: 1 },
  entries: (bench) =>
    httpEntries(
      { name: "batch", servers: { slots: SLOTS, contextTokens: 1024 }, measure },
      { ...bench, peer: undefined },
    ),
};

async function measure(session: Session, round: number) {
  const { lines, tokens, chats } = session.quick ? quickCounts : counts;
  const api = createBatchClient(session);
  const alone = await chat(session, round, "alone", chats);

  const long = await api.begin(requestsFor(session, round, "beside", ENDLESS.lines, ENDLESS.tokens));
  // Its rows have begun when the first is done, or some have been decoding for a while.
  await setTimeout(1_000, undefined, { signal: session.signal });
  const beside = await chat(session, round, "chats", chats);
  await api.cancel(long);

  const requests = requestsFor(session, round, "lines", lines, tokens);
  const startedMs = performance.now();
  await api.ended(await api.begin(requests));
  const batchRate = (1000 * lines * tokens) / (performance.now() - startedMs);
  const streams = await Promise.all(
    requestsFor(session, round, "streams", SLOTS, tokens).map((request) => session.chat(request)),
  );

  const itl = (replies: readonly Reply[]) => quantile(replies.flatMap(gaps), 0.95);
  const ttft = (replies: readonly Reply[]) => quantile(replies.map(timeToFirstToken), 0.95);
  return {
    figures: {
      ...ttftFigures(beside),
      itlP95Ms: itl(beside),
      unloadedTtftP95Ms: ttft(alone),
      unloadedItlP95Ms: itl(alone),
      ttftBesideBatch: ttft(beside) / ttft(alone),
      itlBesideBatch: itl(beside) / itl(alone),
      outputTokensPerSecond: batchRate,
      output8TokensPerSecond: outputRate(streams),
      batchOverStreams: batchRate / outputRate(streams),
    },
  };
}

function requestsFor(session: Session, round: number, key: string, count: number, tokens: number): ChatRequest[] {
  const writer = session.writer(round, key);
  return Array.from({ length: count }, () => session.prompt(writer, PROMPT_TOKENS, tokens));
}

async function chat(session: Session, round: number, key: string, count: number): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const request of requestsFor(session, round, key, count, CHAT_TOKENS)) {
    replies.push(await session.chat(request));
    await setTimeout(THINK_MS, undefined, { signal: session.signal });
  }
  return replies;
}
