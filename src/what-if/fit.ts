import type { LoggedRequest, Pace, Setting } from "./log.ts";
import { quantile } from "./numbers.ts";
import { simulate } from "./simulate.ts";

/** Shorter prompts and answers say little of a pace. */
const LEAST_TOKENS = 8;
/** A pace of 0 would be endless work in no time. */
const LEAST_MS = 0.001;
/** A further sequence makes a step longer by at most as much as it has of its own. */
const MOST_FURTHER = 1;
/** Assumed while all requests ran beside as many others: a tenth. */
const USUAL_FURTHER = 0.1;
const ROUNDS = 5;

/**
 * How fast the engine was that answered these requests. First by what each was measured with; then so that the simulation of the same requests
 * spends as much time on prompts and on answers as the engine did. Waits are not fitted: that they come out right is what shows whether the
 * simulation can be believed.
 */
export function fitPace(log: readonly LoggedRequest[], setting: Setting): Pace {
  let pace = firstGuess(log, setting.slots);
  for (let round = 0; round < ROUNDS; round++) {
    const outcomes = simulate(log, setting, pace);
    const sums = { prefillMs: 0, decodeMs: 0, realPrefillMs: 0, realDecodeMs: 0 };
    for (const [at, outcome] of outcomes.entries()) {
      const request = log[at];
      if (outcome.type !== "answered" || request === undefined) continue;
      sums.prefillMs += outcome.prefillMs;
      sums.decodeMs += outcome.decodeMs;
      sums.realPrefillMs += request.prefillMs;
      sums.realDecodeMs += request.decodeMs;
    }
    const prefill = ratio(sums.realPrefillMs, sums.prefillMs);
    const decode = ratio(sums.realDecodeMs, sums.decodeMs);
    pace = {
      ...pace,
      prefillMs: Math.max(LEAST_MS, pace.prefillMs * prefill),
      stepMs: Math.max(LEAST_MS, pace.stepMs * decode),
      furtherMs: pace.furtherMs * decode,
    };
  }
  return pace;
}

function ratio(real: number, simulated: number): number {
  return simulated > 0 && real > 0 ? real / simulated : 1;
}

function firstGuess(log: readonly LoggedRequest[], slots: number): Pace {
  const prompts = log.filter(({ prefillTokens }) => prefillTokens >= LEAST_TOKENS);
  const answers = log.filter(({ completionTokens, choices }) => completionTokens / choices > LEAST_TOKENS);
  const { stepMs, furtherMs } = fitSteps(answers.length === 0 ? log : answers, slots);
  const beside = log.map(({ firstTokenMs, waitMs, prefillMs }) => Math.max(0, firstTokenMs - waitMs - prefillMs));
  return {
    // Most prompts are evaluated beside answers: the quick ones were alone.
    prefillMs: quantile((prompts.length === 0 ? log : prompts).map(paceOfPrompt), 0.25),
    stepMs,
    furtherMs,
    overheadMs: quantile(beside, 0.5),
  };
}

function paceOfPrompt({ prefillMs, prefillTokens }: LoggedRequest): number {
  return Math.max(LEAST_MS, prefillMs / Math.max(1, prefillTokens));
}

/** The least squares line of the time of a token over the number of others. */
function fitSteps(log: readonly LoggedRequest[], slots: number): Pick<Pace, "stepMs" | "furtherMs"> {
  const points = log.map(({ decodeMs, completionTokens, choices, others }) => ({
    ms: decodeMs / Math.max(1, completionTokens / choices - 1),
    // Those that are set aside count as running, and are in no step.
    others: Math.min(others + choices, slots) - 1,
  }));
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ms, others] = [meanOf(points.map((point) => point.ms)), meanOf(points.map((point) => point.others))];
  const spread = points.reduce((sum, point) => sum + (point.others - others) ** 2, 0);
  const common = points.reduce((sum, point) => sum + (point.others - others) * (point.ms - ms), 0);
  // All with as many others say nothing of what one more costs.
  const slope = spread > points.length / 100 ? common / spread : (USUAL_FURTHER * ms) / (1 + USUAL_FURTHER * others);
  const furtherMs = Math.min(Math.max(0, slope), (MOST_FURTHER * ms) / (1 + MOST_FURTHER * others));
  return { stepMs: Math.max(LEAST_MS, ms - furtherMs * others), furtherMs };
}
