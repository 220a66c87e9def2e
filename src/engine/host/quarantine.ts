import type { SupervisionPolicy } from "./policy.ts";
import type { InFlightRequest, Sequence } from "./sequence-table.ts";

/**
 * Who gets the blame when a worker dies, and who may run next.
 *
 * A death proves nothing against one request of many. So whoever was there often enough becomes a suspect, and suspects are tried
 * one at a time, each with a worker to itself, until they have come some tokens past the point of the death or have ended. Only a
 * death in front of a request that was alone convicts it: no request is given up for what another one did.
 */

/** What a worker's death means for one of the requests that it had. */
export type Verdict = "goes on" | "suspect" | "guilty";

/**
 * Judges one request by `deaths`, the deaths it was there at, this one counted. `alone`: nothing else was in the worker.
 * With the usual three deaths the second makes a suspect, so that the third finds the guilty one alone.
 */
export function judge(deaths: number, alone: boolean, { maxDeaths }: Pick<SupervisionPolicy, "maxDeaths">): Verdict {
  if (alone && deaths >= maxDeaths) return "guilty";
  return deaths >= Math.max(1, maxDeaths - 1) ? "suspect" : "goes on";
}

/** The requests that may be in the worker now: the first suspect alone, or all when there is none. */
export function allowedToRun(requests: Iterable<InFlightRequest>): readonly InFlightRequest[] {
  const all = [...requests];
  const suspect = all.find((inFlight) => inFlight.suspect);
  return suspect === undefined ? all : [suspect];
}

/**
 * At how many tokens a suspect's sequence is to stop for the time being; undefined when it ends by itself before that.
 *
 * The worker stops it, as if by `max_tokens`, rather than the host by a cancel: the `finished` that comes back says for certain that
 * the sequence is out of the worker before the next suspect goes in. One token more than asked for, since the last one is drawn anew.
 * Each death beyond those that made it a suspect doubles the trial, so one that kills late is found as well.
 */
export function trialTokens(
  { owner, tokens }: Sequence,
  { clearAfterTokens, maxDeaths }: Pick<SupervisionPolicy, "clearAfterTokens" | "maxDeaths">,
): number | undefined {
  if (!owner.suspect) return undefined;
  const doublings = Math.min(Math.max(0, owner.deaths - maxDeaths + 1), 20);
  const limit = tokens.length + clearAfterTokens * 2 ** doublings + 1;
  const { maxTokens } = owner.request;
  return maxTokens !== undefined && maxTokens <= limit ? undefined : limit;
}
