import { z } from "zod";
import { countsOf, encodeLive, type KeptBatch, type Live } from "./batch.ts";

const bodySchema = z.object({ model: z.string().nullable().catch(null).default(null) });

/** What operators are told of a batch that has not ended, whichever API created it. */
export function summarizeBatch({ id, endpoint, status, body, progress }: KeptBatch, live: Live | undefined) {
  return {
    ...{ id, endpoint, model: bodySchema.parse(JSON.parse(body)).model, status },
    request_counts: countsOf(progress, live),
    ...encodeLive(live ?? { perSecond: undefined, secondsLeft: undefined, pausedFor: undefined }),
  };
}
