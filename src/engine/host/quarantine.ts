import type { SupervisionPolicy } from "./policy.ts";
import type { InFlightRequest, Sequence } from "./sequence-table.ts";

/**
 * Decides which request is to blame when a worker dies, and which requests may run next.
 *
 * A worker's death proves nothing about one request of many. A request that was present at enough deaths becomes a suspect. Suspects are
 * tried one at a time, each alone in a worker, until they end or get some tokens past the point of the death. Only a death while a request
 * was alone convicts it, so no request fails for what another one did.
 */

/** The consequence of a worker's death for one of its requests. */
export type Verdict = "continues" | "suspect" | "guilty";

/**
 * Judges one request. `deaths` counts the deaths it was present at, including this one; `alone` says that the worker had nothing else.
 * With the default of three deaths, the second one makes a suspect, so that the third happens while the culprit is alone.
 */
export function judge(deaths: number, alone: boolean, { maxDeaths }: Pick<SupervisionPolicy, "maxDeaths">): Verdict {
  if (alone && deaths >= maxDeaths) return "guilty";
  return deaths >= Math.max(1, maxDeaths - 1) ? "suspect" : "continues";
}

/** The requests that may run now: the first suspect alone, or all requests if there is no suspect. */
export function allowedToRun(requests: Iterable<InFlightRequest>): readonly InFlightRequest[] {
  const all = [...requests];
  const suspect = all.find((inFlight) => inFlight.suspect);
  return suspect === undefined ? all : [suspect];
}

/**
 * The token limit of a suspect's sequence for its trial. Undefined if the sequence isn't on trial or ends before that limit.
 *
 * The worker stops the sequence as if by `max_tokens`, instead of the host by a cancel: the `finished` update shows that the sequence
 * has left the worker before the next suspect is submitted. The limit has one token extra, because the last token is sampled again later.
 * Each further death doubles the trial, so that a request which kills late is found, too.
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
