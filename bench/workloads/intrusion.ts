import type { Reply } from "../load/client.ts";
import { gaps, itlFigures, outputRate, timeToFirstToken } from "../load/timing.ts";
import { httpWorkload } from "./http.ts";
import type { Trace } from "./workload.ts";

const STREAMS = 4;
/** The intruder comes when every stream has brought so much, so that all of them are decoding. */
const READS_BEFORE = 16;

/** A long prompt arrives while other streams are decoding. */
export const intrusion = httpWorkload({
  name: "intrusion",
  title:
    "A prompt of 3,000 tokens (600 in the quick run) arrives while 4 streams with prompts of 76 tokens decode 128 new ones each (48). " +
    "ITL is that of the four streams, from their beginning to their end.",
  servers: { slots: STREAMS + 1, contextTokens: 3328 },
  smallBatchesToo: true,
  async measure(session, round) {
    const writer = session.writer(round);
    const requests = Array.from({ length: STREAMS }, () => session.prompt(writer, 76, session.quick ? 48 : 128));
    const intruder = session.prompt(writer, session.quick ? 600 : 3000, 8);

    const decoding = countdown(STREAMS);
    const streams = requests.map((request) =>
      session.chat(request, { onRead: (reads) => void (reads === READS_BEFORE && decoding.count()) }),
    );
    const all = Promise.all(streams);
    await Promise.race([decoding.done, all]);
    const intruderReply = await session.chat(intruder);
    const replies = await all;

    const intruderTtftMs = timeToFirstToken(intruderReply);
    return {
      figures: { intruderTtftMs, outputTokensPerSecond: outputRate(replies), ...itlFigures(replies) },
      trace: traceOf(replies, intruderReply.startedMs, intruderTtftMs),
    };
  },
});

/** A promise that resolves at the nth call. */
function countdown(from: number): { readonly done: Promise<void>; count(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = from;
  return {
    done: promise,
    count() {
      left -= 1;
      if (left === 0) resolve();
    },
  };
}

function traceOf(replies: readonly Reply[], sinceMs: number, eventMs: number): Trace {
  const streams = replies.map((reply) =>
    gaps(reply).map((gapMs, index) => ({ atMs: (reply.arrivalsMs[index + 1] ?? Number.NaN) - sinceMs, gapMs })),
  );
  return { streams, eventMs };
}
