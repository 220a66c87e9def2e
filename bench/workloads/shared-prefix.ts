import type { Reply } from "../load/client.ts";
import { cachedShare, outputRate, timeToFirstToken, ttftFigures, wallMs } from "../load/timing.ts";
import { median } from "../statistics.ts";
import { httpWorkload } from "./http.ts";

const SLOTS = 4;
const QUESTION_TOKENS = 20;

/** Many users of one assistant: what it is told beforehand is the same for all of them. */
export const sharedPrefix = httpWorkload({
  name: "shared-prefix",
  title:
    "16 users on 4 slots (8 in the quick run): one system prompt of 600 tokens (200), different questions of 20, 32 new tokens. Four come at " +
    "once, to caches that don't have the system prompt; each next one comes when one before has its answer.",
  servers: { slots: SLOTS, contextTokens: 1024 },
  async measure(session, round) {
    const writer = session.writer(round);
    const system = writer.passage(session.quick ? 200 : 600);
    const questions = Array.from({ length: session.quick ? 8 : 16 }, () => writer.passage(QUESTION_TOKENS));

    const replies: Reply[] = [];
    const waiting = questions.entries();
    async function serveUsers(): Promise<void> {
      for (const [user, question] of waiting) {
        const messages = [
          { role: "system", content: system },
          { role: "user", content: question },
        ] as const;
        replies[user] = await session.chat({ messages, maxTokens: 32 });
      }
    }
    await Promise.all(Array.from({ length: SLOTS }, serveUsers));

    return {
      figures: {
        firstWaveTtftP50Ms: median(replies.slice(0, SLOTS).map(timeToFirstToken)),
        outputTokensPerSecond: outputRate(replies),
        wallMs: wallMs(replies),
        cachedTokens: cachedShare(replies),
        ...ttftFigures(replies),
      },
    };
  },
});
