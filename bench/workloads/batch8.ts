import { itlFigures, outputRate, ttftFigures, wallMs } from "../load/timing.ts";
import { httpWorkload } from "./http.ts";

const STREAMS = 8;

/** Eight streams at once, one for each slot. */
export const batch8 = httpWorkload({
  name: "batch8",
  title: "Eight streams at once: prompts of 76 tokens, 128 new ones each (32 in the quick run).",
  servers: { slots: STREAMS, contextTokens: 1024 },
  async measure(session, round) {
    const writer = session.writer(round);
    const requests = Array.from({ length: STREAMS }, () => session.prompt(writer, 76, session.quick ? 32 : 128));
    const replies = await Promise.all(requests.map((request) => session.chat(request)));
    return {
      figures: {
        outputTokensPerSecond: outputRate(replies),
        wallMs: wallMs(replies),
        ...ttftFigures(replies),
        ...itlFigures(replies),
      },
    };
  },
});
