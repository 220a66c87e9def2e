import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import type { Reply } from "../load/client.ts";
import { gaps, outputRate, timeToFirstToken, ttftFigures } from "../load/timing.ts";
import { quantile } from "../statistics.ts";
import { httpEntries } from "./http.ts";
import { CHAT_PATH, type ChatRequest, type Session } from "./session.ts";
import type { Workload } from "./workload.ts";

const SLOTS = 8;
const PROMPT_TOKENS = 76;
const CHAT_TOKENS = 32;
/** Between two chats, as of somebody who reads. */
const THINK_MS = 500;
const POLL_MS = 50;

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
  const api = createApi(session);
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

const withId = z.object({ id: z.string() });
const state = z.object({ status: z.string(), request_counts: z.object({ failed: z.number() }) });

function createApi(session: Session) {
  const { server, signal } = session;
  async function call(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(new URL(path, server.url), { ...init, signal });
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
    return response.json();
  }
  const json = (body: object) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

  async function ended(id: string): Promise<void> {
    for (;;) {
      const { status, request_counts: of } = state.parse(await call(`/v1/batches/${id}`));
      // Those that were not made count as failed.
      if (status === "cancelled") return;
      if (of.failed > 0 && status !== "cancelling") throw new Error(`requests of the batch ${id} failed`);
      if (status === "completed") return;
      await setTimeout(POLL_MS, undefined, { signal });
    }
  }

  return {
    ended,
    /** Returns a batch of these requests. */
    async begin(requests: readonly ChatRequest[]): Promise<string> {
      const lines = requests.map((request, index) => {
        const { stream, stream_options, ...body } = Object(session.body(request));
        return JSON.stringify({ custom_id: String(index), method: "POST", url: CHAT_PATH, body });
      });
      const form = new FormData();
      form.append("purpose", "batch");
      form.append("file", new Blob([lines.join("\n")]), "in.jsonl");
      const file = withId.parse(await call("/v1/files", { method: "POST", body: form })).id;
      const body = { input_file_id: file, endpoint: CHAT_PATH, completion_window: "24h" };
      return withId.parse(await call("/v1/batches", json(body))).id;
    },
    async cancel(id: string): Promise<void> {
      await call(`/v1/batches/${id}/cancel`, json({}));
      await ended(id);
    },
  };
}
