import type { AskWhatIf } from "../../src/http/routes/what-if.ts";
import { answerWhatIf } from "../../src/what-if/answer.ts";
import type { LoggedRequest, Setting } from "../../src/what-if/log.ts";

const TODAY: Setting = {
  ...{ slots: 2, minSlots: 1, targetItlMs: 250, maxPending: 256, maxPendingTokens: 1_000_000, maxWaitMs: 60_000 },
  ...{ replicas: 1, spill: undefined, traffic: 1 },
};

/** Answers for a model that has answered so many requests. */
export function answerOf(requests: number): AskWhatIf {
  const log = Array.from({ length: requests }, (_, at): LoggedRequest => {
    return {
      ...{ atMs: 100 * at, tenant: "one", class: "default", session: String(at), promptTokens: 50, prefillTokens: 50 },
      ...{ completionTokens: 20, choices: 1, maxTokens: 20, others: 1, cost: undefined },
      ...{ firstTokenMs: 60, waitMs: 5, prefillMs: 50, decodeMs: 100 },
    };
  });
  return async ({ model = "busiest", ...changes }) => {
    if (model === "nobody") return { type: "unknown_model" };
    if (model === "cloud") return { type: "upstream", model };
    const changed = { ...TODAY, ...changes };
    return {
      type: "answered",
      model,
      log,
      today: TODAY,
      changed,
      answer: answerWhatIf({ log, today: TODAY, changed }),
    };
  };
}
