import { decodeRate, itlFigures, outputRate, timeToFirstToken, wallMs } from "../load/timing.ts";
import { httpWorkload } from "./http.ts";

/** One stream has the machine to itself. */
export const single = httpWorkload({
  name: "single",
  title: "One stream: a prompt of 76 tokens, 128 new ones.",
  servers: { slots: 4, contextTokens: 4096 },
  async measure(session, round) {
    const reply = await session.chat(session.prompt(session.writer(round), 76, 128));
    return {
      figures: {
        decodeTokensPerSecond: decodeRate(reply),
        outputTokensPerSecond: outputRate([reply]),
        wallMs: wallMs([reply]),
        ttftP50Ms: timeToFirstToken(reply),
        ...itlFigures([reply]),
      },
    };
  },
});
