import { perSecond, timeToFirstToken } from "../load/timing.ts";
import { httpWorkload } from "./http.ts";

const PROMPT_TOKENS = 600;

/** The speed of prefill without a cached prefix. */
export const prefill = httpWorkload({
  name: "prefill",
  title:
    "One stream: a prompt of 600 tokens, one new token. Prefill is the prompt's tokens over the time to that token.",
  servers: { slots: 4, contextTokens: 4096 },
  async measure(session, round) {
    const reply = await session.chat(session.prompt(session.writer(round), PROMPT_TOKENS, 1));
    const ttftMs = timeToFirstToken(reply);
    return { figures: { prefillTokensPerSecond: perSecond(reply.promptTokens, ttftMs), ttftP50Ms: ttftMs } };
  },
});
