import type { LiveSnapshot } from "../../src/live/snapshot.ts";
import { count, formatBytes, formatMs, formatNumber } from "../frame/format.ts";
import { Figure, Figures } from "../frame/parts.tsx";

/** Of each model, in the gateway's list. */
const MOST_LISTED = 64;

/** The few numbers that say whether it is well. */
export function Summary({ snapshot }: { readonly snapshot: LiveSnapshot }) {
  const { point, models, memory } = snapshot;
  const slots = models.flatMap((model) => model.slots);
  const used = slots.filter(({ request }) => request !== null).length;
  const [firstToken, firstTokenLate] = point.first_token_ms ?? [];
  const [between, betweenLate] = point.between_tokens_ms ?? [];
  return (
    <Figures>
      <Figure
        name="Generated"
        value={formatNumber(Math.round(point.tokens_per_second))}
        unit="tokens/s"
        note={point.prompt_tokens_per_second > 0 && `${formatNumber(point.prompt_tokens_per_second)} of prompts`}
      />
      <Figure
        name="First token"
        value={firstToken === undefined ? undefined : formatMs(firstToken)}
        note={firstToken === undefined ? "none in the last 15 s" : `95 % within ${formatMs(firstTokenLate)}`}
      />
      <Figure
        name="Between tokens"
        value={between === undefined ? undefined : formatMs(between)}
        note={between === undefined ? "none in the last 15 s" : `95 % within ${formatMs(betweenLate)}`}
      />
      <Figure
        name="Running"
        value={formatNumber(point.running)}
        note={slots.length > 0 && `${used} of ${count(slots.length, "slot")} in use${ownWork(snapshot)}`}
      />
      <Figure
        name="Waiting"
        value={formatNumber(point.waiting)}
        note={point.waiting === 0 ? "nobody waits" : lastIn(snapshot)}
      />
      <Figure
        name="Memory of models"
        value={formatBytes(memory.models_bytes)}
        note={memory.budget_bytes !== null && `of ${formatBytes(memory.budget_bytes)}`}
      />
    </Figures>
  );
}

/** Requests that run and are nobody's: the gateway evaluates its presets. */
function ownWork({ models, queue }: LiveSnapshot): string {
  const own = models
    .filter(({ slots }) => slots.length > 0)
    .map(({ id, running }) => {
      const listed = queue.filter(({ model }) => model === id);
      if (listed.length >= MOST_LISTED) return 0;
      return Math.max(0, running - listed.filter(({ state }) => state === "running").length);
    })
    .reduce((sum, each) => sum + each, 0);
  return own === 0 ? "" : `; ${count(own, "preset")} being prepared`;
}

/** When the last of those that wait can expect its first token. */
function lastIn({ queue }: LiveSnapshot): string {
  const lastMs = Math.max(...queue.map(({ eta_ms: etaMs }) => etaMs ?? 0));
  return `the last one's first token in about ${formatMs(lastMs)}`;
}
