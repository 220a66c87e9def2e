import { createMean } from "./mean.ts";
import { createReturns, type Returning } from "./returns.ts";
import { createTenants } from "./tenants.ts";

/** Who asks for room, and how much of it. */
export type Claim = Returning & { readonly tokens: number };

/**
 * A bound on requests in hand and on the tokens of their prompts. It holds places for those that it sent away when they come back, and keeps
 * an eighth for tenants that have little, so that one who takes all there is can't keep the others out.
 */
export type Bound = {
  /**
   * How many requests must leave until there is room: 0 where there is some now. A place that was held for the tenant is used up.
   * @param mustNotWait the machine idles, so that nothing is gained by holding places for others
   */
  ask(claim: Claim, nowMs: number, mustNotWait: boolean): Answer;
  enter(claim: Claim, nowMs: number): void;
  leave(claim: Claim, heldMs: number, nowMs: number): void;
  /** Refuses: says in how many ms the place after `departures` more is likely to be free, and holds it from then on. */
  refuse(claim: Claim, departures: number, nowMs: number): number;
  /** The mean time between two departures. */
  intervalMs(nowMs: number): number;
  /** Places that are held for `tenant`: now, and later. */
  heldFor(tenant: string, nowMs: number): { readonly now: number; readonly later: number };
  readonly requests: number;
  readonly tokens: number;
};

type Answer = {
  readonly departures: number;
  /** The tenant comes back at the time that it was told. */
  readonly isReturning: boolean;
};

export type BoundOptions = {
  /** Read at each use, as `maxTokens` is: what it bounds may get more or less room while it runs. */
  readonly maxRequests: number;
  readonly maxTokens: number;
  /** A number in [0, 1) at each call. */
  readonly random: () => number;
};

/** The share of the places that is kept for tenants that have little, while there are several. */
const KEPT_SHARE = 1 / 8;
/** A tenant has little when it has less than this share of what each would have if all had the same. */
const LITTLE = 1 / 4;

/** Departures are no clockwork: with this many standard deviations more, nine in ten are in time. */
const DEVIATIONS = 1.3;
/** Nobody is told to come back earlier than the estimate, and at random up to so much later, so that not all come at once. */
const JITTER = 0.2;
/** A place is held so long after the time that was told: clients round up to seconds, and connect anew. */
const GRACE_MS = 1_500;
/** The official clients take no notice of a minute or more, and come back within seconds instead. */
const MAX_RETRY_MS = 59_000;
/** Taken while no request has ended yet, so that nothing is known. Who comes too early comes once more; who comes too late finds an idle machine. */
const UNKNOWN_INTERVAL_MS = 100;
/** Places are held for so many; who is sent away beyond that is told a time without one. */
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

/** How fast requests leave. */
type Departures = {
  /** A request left. */
  note(nowMs: number): void;
  /** Nothing is left: what comes after is no measure of how fast things go under load. */
  pause(): void;
  /** The mean time between two departures lately; undefined where too few were seen since the last pause. */
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
      // Where it has come to a halt, that counts too.
      return Math.max(mean, (nowMs - first) / departuresMs.length);
    },
  };
}
