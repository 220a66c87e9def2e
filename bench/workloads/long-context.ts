import { cachedShare, decodeRate, itlFigures } from "../load/timing.ts";
import { httpWorkload } from "./http.ts";
import type { ChatRequest, Session } from "./session.ts";

const NEW_TOKENS = 128;

/** Decoding after a long prompt, where attention makes each token more expensive. */
export const longContext = httpWorkload({
  name: "long-context",
  title:
    "One stream: 128 new tokens after a prompt of 4,000 (500 in the quick run). The prompt is the same in every round and in the cache, " +
    "so that decoding is measured.",
  servers: { slots: 1, contextTokens: 4352 },
  async warmUp(session) {
    await session.chat({ ...longRequest(session), maxTokens: 1 });
  },
  async measure(session) {
    const reply = await session.chat(longRequest(session));
    return {
      figures: { decodeTokensPerSecond: decodeRate(reply), cachedTokens: cachedShare([reply]), ...itlFigures([reply]) },
    };
  },
});

function longRequest(session: Session): ChatRequest {
  return session.prompt(session.writer(-1, "long"), session.quick ? 500 : 4000, NEW_TOKENS);
}
