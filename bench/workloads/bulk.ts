import { perSecond } from "../load/timing.ts";
import { createBatchClient } from "./batch-client.ts";
import { type HttpSides, httpEntries } from "./http.ts";
import type { ChatRequest, Session } from "./session.ts";
import type { Workload } from "./workload.ts";

const SLOTS = 8;
const QUESTION_TOKENS = 20;
const ANSWER_TOKENS = 8;
const LINES = 200;
const QUICK_LINES = 40;
const BEGINNING_TOKENS = 600;

/** Many lines with one beginning: as a batch, and by a client that asks for them on as many connections as there are slots. */
export const bulk: Workload = {
  name: "bulk",
  title:
    `${LINES} requests (${QUICK_LINES} in the quick run) that begin with the same ${BEGINNING_TOKENS} tokens, with a question of ${QUESTION_TOKENS} tokens and ${ANSWER_TOKENS} new ones each: ` +
    `a batch for Sluice, from the upload to the end; for llama-server a client with ${SLOTS} connections, each of which asks for the next one when it has its answer.`,
  needsPeer: true,
  rounds: { full: 3, quick: 1 },
  entries(bench) {
    const sides = (measure: HttpSides["measure"]): HttpSides => ({
      ...{ name: "bulk", servers: { slots: SLOTS, contextTokens: 1024 }, measure },
    });
    const [sluice] = httpEntries(sides(byBatch), { ...bench, peer: undefined });
    const peers = httpEntries(sides(byConnections), bench).filter(({ name }) => name !== "sluice");
    return sluice === undefined ? peers : [sluice, ...peers];
  },
};

function requestsFor(session: Session, round: number): readonly ChatRequest[] {
  const writer = session.writer(round);
  const system = writer.passage(BEGINNING_TOKENS);
  return Array.from({ length: session.quick ? QUICK_LINES : LINES }, () => ({
    messages: [
      { role: "system", content: system },
      { role: "user", content: writer.passage(QUESTION_TOKENS) },
    ],
    maxTokens: ANSWER_TOKENS,
  }));
}

async function byBatch(session: Session, round: number) {
  const client = createBatchClient(session);
  const requests = requestsFor(session, round);
  const startedMs = performance.now();
  const tokens = await client.ended(await client.begin(requests));
  const wallMs = performance.now() - startedMs;
  if (tokens !== requests.length * ANSWER_TOKENS) throw new Error(`the batch made ${tokens} tokens`);
  return { figures: { linesPerSecond: perSecond(requests.length, wallMs), wallMs } };
}

async function byConnections(session: Session, round: number) {
  const requests = requestsFor(session, round);
  const waiting = requests.values();
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: SLOTS }, async () => {
      for (const request of waiting) await session.chat(request);
    }),
  );
  const wallMs = performance.now() - startedMs;
  return { figures: { linesPerSecond: perSecond(requests.length, wallMs), wallMs } };
}
