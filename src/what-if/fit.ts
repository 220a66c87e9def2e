import type { Effort, LoggedRequest, Pace, Setting } from "./log.ts";
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
const ROUNDS = 10;
const DAMPING = 0.7;
const MOST_EFFORT = 100;

/** An engine, and what each request took of it, in the order of the log. */
export type Fit = { readonly pace: Pace; readonly efforts: readonly Effort[] };

/**
 * How fast the engine was that answered these requests, and how much longer than usual each one's prompt and answer took, so that the simulation of the
 * same requests spends as much time on each as was measured. Waits are not fitted: that they come out right is what shows whether the simulation
 * can be believed.
 */
export function fitPace(log: readonly LoggedRequest[], setting: Setting): Fit {
  const pace = firstGuess(log, setting.slots);
  let efforts: readonly Effort[] = log.map(() => ({ prefill: 1, decode: 1 }));
  for (let round = 0; round < ROUNDS; round++) {
    const outcomes = simulate(log, setting, pace, efforts);
    efforts = efforts.map((effort, at) => {
      const [request, outcome] = [log[at], outcomes[at]];
      if (outcome?.type !== "answered" || request === undefined) return effort;
      return {
        prefill: corrected(effort.prefill, request.prefillMs, outcome.prefillMs),
        decode: corrected(effort.decode, request.decodeMs, outcome.decodeMs),
      };
    });
  }
  return { pace, efforts };
}

/** Not at once the whole way: what one request takes changes what the others take beside it. */
function corrected(effort: number, realMs: number, simulatedMs: number): number {
  if (realMs <= 0 || simulatedMs <= 0) return effort;
  return Math.min(MOST_EFFORT, Math.max(1 / MOST_EFFORT, effort * (realMs / simulatedMs) ** DAMPING));
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
