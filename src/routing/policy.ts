import type { BackendState, Capabilities } from "../generation/backend.ts";
import type { Priority } from "../generation/terms.ts";
import type { Cascade } from "./cascade.ts";
import { drawTargets } from "./draw.ts";
import { isWithin, type OpeningTimes } from "./hours.ts";

/** What a request may need that not every model can. */
export const NEEDS = ["tools", "schemas", "logprobs", "images"] as const;

export type Need = (typeof NEEDS)[number];

/** Which requests go to a target. Absent means all. */
type Conditions = OpeningTimes & {
  readonly class?: readonly Priority[] | undefined;
  /** Ids or names. */
  readonly keys?: readonly string[] | undefined;
  readonly presets?: readonly string[] | undefined;
  /** Requests that need one of these. */
  readonly needs?: readonly Need[] | undefined;
  /** The estimated length of the prompt, in tokens. */
  readonly minTokens?: number | undefined;
  readonly maxTokens?: number | undefined;
  /** The share of the key's limits up to which the target is used, from 0 to 1. */
  readonly usedUpTo?: number | undefined;
};

/** A model that a route may choose. */
export type Target = {
  /** An id or an alias. */
  readonly model: string;
  /** Neighbours with weights share the requests of their place in the list. */
  readonly weight?: number | undefined;
  /** If the first token is predicted to come later than `after` ms, the next target is asked, at an estimated cost of at most `maxCost`. */
  readonly spill?: { readonly after: number; readonly maxCost?: number | undefined } | undefined;
  /** The highest estimated cost of one request. */
  readonly maxCost?: number | undefined;
  readonly when?: Conditions | undefined;
};

/** A second target is asked too if the first token of the first has not come after `after` ms. */
type Hedge = {
  readonly after: number;
  /** The most requests that are sent twice, as a share of all. */
  readonly most: number;
  readonly class: readonly Priority[];
};

/** A name that stands for several models. */
export type Route = {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly hedge?: Hedge | undefined;
  /** Whether another target continues an answer that breaks off. */
  readonly continue?: boolean | undefined;
  readonly cascade?: Cascade | undefined;
};

/** What is known of one target when a request comes. */
export type TargetState = {
  readonly id: string;
  readonly isLocal: boolean;
  readonly can: Pick<Capabilities, Need | "text" | "embeddings" | "reranking">;
  readonly state: BackendState;
  readonly contextTokens: number | undefined;
  /** Undefined where nothing was measured. */
  readonly firstTokenMs: number | undefined;
  /** Requests that it works on or that wait for it, as far as is known here; undefined if nothing is. */
  readonly inHand?: number | undefined;
  /** The estimated cost of the request there, in US dollars; undefined if its price isn't known, which counts as free. */
  readonly cost?: number | undefined;
};

/** What a route decides by. */
export type Situation = {
  /** Unix ms. */
  readonly nowMs: number;
  readonly task: "text" | "embeddings" | "reranking";
  readonly class: Priority;
  readonly isLocalOnly: boolean;
  /** The id and the name of the key. */
  readonly key: readonly string[];
  /** The share of its limits of tokens and money that the key has used, the largest of them; undefined without a limit. */
  readonly usedShare: number | undefined;
  readonly preset: string | undefined;
  readonly needs: readonly Need[];
  /** Estimates. */
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Requests of a session go to the same target of several with weights. */
  readonly session: string;
  /** The target that has answered the session's last request, where its KV is. */
  readonly last?: string | undefined;
  /** The target that answered the session last, if that is not where the route puts it. */
  readonly home?: string | undefined;
  /** One for each target of the route, in order; undefined where the model is not served. Those that can't be chosen are not asked for. */
  readonly targets: Pick<readonly (TargetState | undefined)[], "at">;
};

/** Why a target can't be asked. */
type Exclusion =
  | "not_served"
  | "local_only"
  | "unable"
  | Need
  | "class"
  | "key"
  | "preset"
  | "needs"
  | "tokens"
  | "hours"
  | "budget"
  | "cost"
  | "weight";

/** Why a target is asked after all others: it may answer, but is not likely to in time or at all. */
type Deferral = "late" | "dear" | "long" | "down";

/** A target that may be asked. */
export type Candidate = {
  /** The model's id. */
  readonly target: string;
  readonly deferred?: Deferral;
  readonly firstTokenMs?: number;
  readonly contextTokens?: number;
  /** Whether its answer is used only if it is sure of it, as the route's cascade says. */
  readonly isJudged?: boolean;
};

/** What a route makes of a request. */
export type Decision = {
  /** In the order in which they are asked. */
  readonly candidates: readonly Candidate[];
  readonly excluded: readonly { readonly target: string; readonly reason: Exclusion }[];
  /** Of those who share a place, the ids in the order that was drawn for the session, one list for each place. */
  readonly draws: readonly (readonly string[])[];
};

/**
 * A session goes back to a target that was late once this share of `after` is enough, and leaves one late target for another only if that is
 * sooner by as much. So predictions that are near each other don't send a conversation to and fro, each time without its KV.
 */
const STAYING = 0.8;

/** What would answer sooner than a target in one of these states. */
const NOT_NOW: ReadonlySet<BackendState> = new Set(["loading", "restarting", "unloading", "failed"]);

/**
 * The targets of a route that may answer, in the order in which they are to be asked, and why the others may not. Pure: the same situation
 * gives the same order.
 *
 * Targets keep their order. Neighbours with weights share their place: each session draws an order of them, by weight. What is not likely to
 * answer in time comes last.
 */
export function chooseTargets(route: Route, situation: Situation): Decision {
  const candidates: Candidate[] = [];
  const deferred: Candidate[] = [];
  const excluded: { target: string; reason: Exclusion }[] = [];
  /** What a target may cost that is asked only because an earlier one is late. */
  let maxCost = Number.POSITIVE_INFINITY;
  const { session, targets: states } = situation;
  const drawn = drawTargets(route, session, (index) => busyOf(states.at(index)));
  for (const index of drawn.flatMap((place) => homeFirst(place, situation))) {
    const [target, state] = [route.targets[index], states.at(index)];
    if (target === undefined) continue;
    const reason = exclusionOf(target, state, situation);
    if (reason !== undefined || state === undefined) {
      excluded.push({ target: state?.id ?? target.model, reason: reason ?? "not_served" });
      continue;
    }
    const deferral = deferralOf(target, state, situation) ?? ((state.cost ?? 0) > maxCost ? "dear" : undefined);
    const candidate = {
      target: state.id,
      ...(deferral !== undefined && { deferred: deferral }),
      ...(state.firstTokenMs !== undefined && { firstTokenMs: Math.round(state.firstTokenMs) }),
      ...(state.contextTokens !== undefined && { contextTokens: state.contextTokens }),
      ...(route.cascade !== undefined && index === 0 && state.can.logprobs && { isJudged: true }),
    };
    if (deferral === undefined) candidates.push(candidate);
    else deferred.push(candidate);
    if (deferral === "late") maxCost = Math.min(maxCost, target.spill?.maxCost ?? Number.POSITIVE_INFINITY);
  }
  const draws = drawn
    .filter(({ length }) => length > 1)
    .map((place) => place.map((index) => states.at(index)?.id ?? ""));
  return {
    candidates: [...candidates, ...deferred.sort((one, other) => rankOf(one, situation) - rankOf(other, situation))],
    excluded,
    draws,
  };
}

function busyOf(state: TargetState | undefined): number {
  return state === undefined || NOT_NOW.has(state.state) ? Number.POSITIVE_INFINITY : (state.inHand ?? 0);
}

/** The target that has the session's prefix comes first among those who share its place. */
function homeFirst(place: readonly number[], { home, targets }: Situation): readonly number[] {
  if (home === undefined || place.length === 1) return place;
  const at = place.find((index) => targets.at(index)?.id === home);
  return at === undefined ? place : [at, ...place.filter((index) => index !== at)];
}

/** Of those that are not likely to answer in time, what is only late comes first, the soonest before the others. */
function rankOf({ target, deferred, firstTokenMs = 0 }: Candidate, { last }: Situation): number {
  const later = deferred === "late" ? 0 : deferred === "dear" ? 1 : deferred === "long" ? 2 : 3;
  return later * 1e12 + (deferred === "late" ? firstTokenMs * (target === last ? STAYING : 1) : 0);
}

function exclusionOf(target: Target, state: TargetState | undefined, situation: Situation): Exclusion | undefined {
  if (state === undefined) return "not_served";
  if (situation.isLocalOnly && !state.isLocal) return "local_only";
  if (!state.can[situation.task]) return "unable";
  if (target.weight === 0) return "weight";
  const lacking = situation.needs.find((need) => !state.can[need]);
  if (lacking !== undefined) return lacking;
  if (target.maxCost !== undefined && (state.cost ?? 0) > target.maxCost) return "cost";
  return target.when === undefined ? undefined : unmetOf(target.when, situation);
}

function unmetOf(when: Conditions, situation: Situation): Exclusion | undefined {
  const { minTokens = 0, maxTokens = Number.POSITIVE_INFINITY, usedUpTo = 1 } = when;
  const { promptTokens, usedShare = 0, preset, needs } = situation;
  if (when.class?.includes(situation.class) === false) return "class";
  if (when.keys?.some((key) => situation.key.includes(key)) === false) return "key";
  if (when.presets !== undefined && (preset === undefined || !when.presets.includes(preset))) return "preset";
  if (when.needs?.some((need) => needs.includes(need)) === false) return "needs";
  if (promptTokens < minTokens || promptTokens > maxTokens) return "tokens";
  if (when.usedUpTo !== undefined && usedShare > usedUpTo) return "budget";
  return isWithin(when, situation.nowMs) ? undefined : "hours";
}

/** The estimate of the prompt may be wrong, so a target for which it seems too long is asked too, after all others. */
function deferralOf({ spill }: Target, state: TargetState, { promptTokens, last }: Situation): Deferral | undefined {
  if (NOT_NOW.has(state.state)) return "down";
  if (state.contextTokens !== undefined && promptTokens >= state.contextTokens) return "long";
  if (spill === undefined) return undefined;
  const isAway = last !== undefined && last !== state.id;
  const after = isAway ? STAYING * spill.after : spill.after;
  // Loading takes longer than anybody measured.
  return state.state === "unloaded" || (state.firstTokenMs ?? 0) > after ? "late" : undefined;
}
