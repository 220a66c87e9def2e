import { createMean } from "./mean.ts";
import { createReturns, type Returning } from "./returns.ts";
import { createTenants } from "./tenants.ts";

/** A request for room. */
export type Claim = Returning & { readonly tokens: number };

/**
 * Limits the requests in progress and the tokens of their prompts. It holds places for refused requests that come back on time, and reserves an
 * eighth of the places for tenants that have few, so that one tenant can't keep the others out.
 */
export type Bound = {
  /**
   * Returns how many requests must leave before there is room: 0 if there is room now. Uses up the place held for this request.
   * @param mustNotWait the model is idle, so holding places for others gains nothing
   */
  ask(claim: Claim, nowMs: number, mustNotWait: boolean): Answer;
  enter(claim: Claim, nowMs: number): void;
  leave(claim: Claim, heldMs: number, nowMs: number): void;
  /** Refuses a request: returns in how many ms a place is likely to be free, after `departures` more, and holds it from then on. */
  refuse(claim: Claim, departures: number, nowMs: number): number;
  /** The mean time between two departures. */
  intervalMs(nowMs: number): number;
  /** The places held for `tenant` now, and those held for it from a later time. */
  heldFor(tenant: string, nowMs: number): { readonly now: number; readonly later: number };
  readonly requests: number;
  readonly tokens: number;
};

type Answer = {
  readonly departures: number;
  /** The request was refused before and comes back at the time it was told. */
  readonly isReturning: boolean;
};

export type BoundOptions = {
  /** Read at each use, like `maxTokens`: both change as models come and go. */
  readonly maxRequests: number;
  readonly maxTokens: number;
  /** A number in [0, 1) at each call. */
  readonly random: () => number;
};

/** The share of the places that is reserved for tenants that have few, while there are several tenants. */
const KEPT_SHARE = 1 / 8;
/** A tenant has few places if it holds less than this part of an equal share. */
const LITTLE = 1 / 4;

/** Departures are irregular: with this many standard deviations added, nine in ten are in time. */
const DEVIATIONS = 1.3;
/** Each client is told a random time up to this much later than the estimate, so that they don't all come back at once. */
const JITTER = 0.2;
/** A place is held this long after the time the client was told: clients round up to seconds, and reconnect. */
const GRACE_MS = 1_500;
/** The official clients ignore a minute or more, and retry within seconds instead. */
const MAX_RETRY_MS = 59_000;
/** Assumed until the first request has ended. A client that comes too early retries once more; one that comes too late finds an idle model. */
const UNKNOWN_INTERVAL_MS = 100;
/** The most places held. Requests refused beyond it are told a time, but no place is held for them. */
const MAX_RETURNS = 10_000;

export function createBound(options: BoundOptions): Bound {
  const { random } = options;
  const departureRate = createDepartures();
  const returns = createReturns(MAX_RETURNS);
  const durationMs = createMean();
  const promptTokens = createMean();
  const tenants = createTenants();
  let requests = 0;
  let tokens = 0;

  function hasLittle(tenant: string): boolean {
    return tenants.count > 1 && tenants.heldBy(tenant) < Math.max(1, (LITTLE * options.maxRequests) / tenants.count);
  }

  function intervalMs(nowMs: number): number {
    const unmeasured = durationMs.value === undefined ? UNKNOWN_INTERVAL_MS : durationMs.value / Math.max(1, requests);
    return departureRate.intervalMs(nowMs) ?? unmeasured;
  }

  return {
    get requests() {
      return requests;
    },
    get tokens() {
      return tokens;
    },
    intervalMs,
    heldFor: (tenant, nowMs) => ({ now: returns.held(nowMs, tenant), later: returns.ahead(nowMs, tenant) }),
    ask(claim, nowMs, mustNotWait) {
      const { tenant, tokens: asked } = claim;
      tenants.see(tenant, nowMs);
      const isReturning = returns.claim(claim, nowMs);
      if (requests === 0) return { departures: 0, isReturning };
      const little = hasLittle(tenant);
      const kept = tenants.count > 1 && !little ? Math.floor(KEPT_SHARE * options.maxRequests) : 0;
      const held = isReturning || little || mustNotWait ? 0 : returns.held(nowMs);
      const meanTokens = Math.max(1, promptTokens.value ?? asked);
      const lackingRequests = requests + 1 + kept + held - options.maxRequests;
      const lackingTokens = tokens + asked + held * meanTokens - options.maxTokens;
      const lacking = Math.max(lackingRequests, lackingTokens / meanTokens);
      return { departures: Math.max(0, Math.ceil(lacking)), isReturning };
    },
    enter({ tenant, tokens: taken }, nowMs) {
      tenants.change(tenant, 1, nowMs);
      requests += 1;
      tokens += taken;
      promptTokens.add(taken);
    },
    leave({ tenant, tokens: taken }, heldMs, nowMs) {
      tenants.change(tenant, -1, nowMs);
      requests -= 1;
      tokens -= taken;
      durationMs.add(heldMs);
      if (requests === 0) departureRate.pause();
      else departureRate.note(nowMs);
    },
    refuse(claim, departures, nowMs) {
      const before = departures + (hasLittle(claim.tenant) ? 0 : returns.ahead(nowMs));
      const likelyMs = (before + DEVIATIONS * Math.sqrt(before)) * intervalMs(nowMs);
      const earliestMs = Math.min(likelyMs, MAX_RETRY_MS);
      const toldMs = Math.max(1, Math.ceil(Math.min((1 + JITTER * random()) * earliestMs, MAX_RETRY_MS)));
      if (likelyMs <= MAX_RETRY_MS) returns.hold(claim, nowMs + earliestMs, nowMs + toldMs + GRACE_MS);
      return toldMs;
    },
  };
}

/** Measures how fast requests leave. */
type Departures = {
  /** A request left. */
  note(nowMs: number): void;
  /** No request is left: departures after an idle time say nothing about the rate under load. */
  pause(): void;
  /** The recent mean time between two departures; undefined if there were too few since the last pause. */
  intervalMs(nowMs: number): number | undefined;
};

const DEPARTURES = 32;

function createDepartures(): Departures {
  /** The latest, oldest first. */
  const departuresMs: number[] = [];
  return {
    note(nowMs) {
      departuresMs.push(nowMs);
      if (departuresMs.length > DEPARTURES) departuresMs.shift();
    },
    pause() {
      departuresMs.length = 0;
    },
    intervalMs(nowMs) {
      const [first] = departuresMs;
      const last = departuresMs.at(-1);
      if (departuresMs.length < 2 || first === undefined || last === undefined) return undefined;
      const mean = (last - first) / (departuresMs.length - 1);
      // The time since the latest counts too, in case departures have stopped.
      return Math.max(mean, (nowMs - first) / departuresMs.length);
    },
  };
}
