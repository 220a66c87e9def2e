import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { type Backend, type BackendPart, type BackendState, type Capabilities, partOf } from "../generation/backend.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { assertAble } from "./able.ts";
import { type Allowance, createAllowance } from "./allowance.ts";
import { answerThroughTargets, noTarget } from "./answer.ts";
import { type Described, type Explanation, explainRoute } from "./explain.ts";
import type { Homes } from "./homes.ts";
import { chooseTargets, type Decision, type Route, type Situation } from "./policy.ts";
import { createReport } from "./report.ts";
import { embeddingSituationOf, situationOf, type Tenants } from "./situation.ts";

/** What lasts as long as the gateway, while the models that a route leads to come and go. */
export type RouteState = {
  readonly route: Route;
  readonly hedges: Allowance;
  readonly retries: Allowance;
  /** When each idle target was last asked in spite of its prediction, by its id, in ms. */
  readonly trials: Map<string, number>;
  /** Which target has answered the last request of each session. */
  readonly last: LRUCache<string, string>;
};

/** A route, which can tell where it would send a request. */
export type RoutedBackend = Backend & { readonly explain: (described: Described) => Explanation };

/** What routes need to know and to measure with. */
export type RoutingParts = {
  readonly tenants: Tenants;
  readonly clock: Clock;
  /** Unix ms. */
  readonly now: () => number;
  /** Where sessions are that have left the target that their route puts them at; nothing is remembered if absent. */
  readonly homes?: Homes;
  /** The error for a target that is not served, if it may be soon. */
  readonly awaited?: (model: string) => Error | undefined;
};

/** Every fifth request may be repeated at another target after its own has worked in vain, so that a storm of errors adds little load. */
const RETRY_SHARE = 0.2;
const FIRST_RETRIES = 10;

/**
 * A target that seems slow is never asked, and so never measured again: the first request after a start takes long. So while it is idle, and is
 * predicted to be late by no more than this factor, one request a minute tries it.
 */
const TRIAL_FACTOR = 4;
const TRIAL_MS = 60_000;

/** Sessions that were not heard of for longer are forgotten. */
const MAX_SESSIONS = 10_000;
const NO_HOMES: Homes = { find: async () => undefined, set: () => {} };

export function createRouteState(route: Route): RouteState {
  return {
    route,
    hedges: createAllowance(route.hedge?.most ?? 0, 1),
    retries: createAllowance(RETRY_SHARE, FIRST_RETRIES),
    trials: new Map(),
    last: new LRUCache({ max: MAX_SESSIONS }),
  };
}

/** The states of targets, the one that counts for their route first. */
const BEST_FIRST: readonly BackendState[] = ["ready", "unloaded", "loading", "restarting", "unloading", "failed"];

/** A route as a backend: it answers through its targets, and can what one of them can. @param found one for each target; undefined where the model is not served */
export function createRoutedBackend(
  { route, hedges, retries, trials, last }: RouteState,
  found: readonly (Backend | undefined)[],
  { tenants, clock, now, awaited, homes = NO_HOMES }: RoutingParts,
): RoutedBackend {
  const served = found.map((backend) => backend && rememberWorkload(backend, clock));
  const targets = served.filter((backend) => backend !== undefined);
  const byId = new Map(targets.map((backend) => [backend.id, backend]));
  const hasNeighbours = route.targets.some(
    ({ weight }, at) => weight !== undefined && route.targets[at + 1]?.weight !== undefined,
  );
  const decide = (request: GenerationRequest) => chooseTargets(route, situationOf(request, served, tenants, now()));
  const spills = route.targets.some(({ spill }) => spill !== undefined);
  /** The decision for a request that is sent on, and what notes which target has answered it. */
  async function decideAnew(request: GenerationRequest) {
    const situation = withTrials(situationOf(request, served, tenants, now()));
    const { session } = situation;
    const home = hasNeighbours ? await homes.find(route.name, session) : undefined;
    const decision = chooseTargets(route, { ...situation, home, ...(spills && { last: last.get(session) }) });
    return {
      decision,
      answered(target: string) {
        if (spills) last.set(session, target);
        for (const draw of decision.draws) {
          const isAway = draw[0] !== target;
          // Nearly all sessions have never left, and nothing is written for them.
          if (draw.includes(target) && (isAway || home !== undefined)) {
            homes.set(route.name, session, isAway ? target : undefined);
          }
        }
      },
    };
  }
  const answerThrough = answerThroughTargets({ ...{ route, decide: decideAnew, hedges, retries, clock, refusal } });

  /** What a request is told that no target may answer: to come again, if a target may come. */
  function refusal(decision: Decision): Error {
    const missing = decision.excluded.filter(({ reason }) => reason === "not_served");
    const soon = missing.map(({ target }) => awaited?.(target)).find((error) => error !== undefined);
    return soon ?? noTarget(route, decision);
  }

  function withTrials(situation: Situation): Situation {
    const { targets: states } = situation;
    const at = (index: number) => {
      const state = states.at(index);
      const after = route.targets[index]?.spill?.after ?? Number.POSITIVE_INFINITY;
      const { id = "", firstTokenMs = 0 } = state ?? {};
      if (state === undefined || firstTokenMs <= after || firstTokenMs > TRIAL_FACTOR * after) return state;
      const { waiting, running } = chosen(id).workload() ?? { waiting: 0, running: 1 };
      const sinceMs = clock.now() - (trials.get(id) ?? Number.NEGATIVE_INFINITY);
      if (waiting + running > 0 || sinceMs < TRIAL_MS) return state;
      trials.set(id, clock.now());
      return { ...state, firstTokenMs: undefined };
    };
    return { ...situation, targets: { at } };
  }

  function askDirectly(request: GenerationRequest): ReturnType<Generate> {
    const backend = chosen(request.model);
    const generate = partOf(backend, "generate");
    assertAble(backend, request);
    return generate(request);
  }

  function chosen(id: string): Backend {
    const backend = byId.get(id);
    if (backend === undefined) throw new Error(`The route ${route.name} has no target ${id}.`);
    return backend;
  }

  /** The first target that may answer and has this part. */
  function pick<Part extends BackendPart>(part: Part, decision: Decision): Backend {
    const able = decision.candidates.map(({ target }) => chosen(target));
    const [first] = able;
    if (first === undefined) throw refusal(decision);
    return able.find((backend) => backend[part] !== undefined) ?? first;
  }

  /** That part of the first target that has it, asked on behalf of the route. */
  function part(name: "measure" | "price"): Generate | undefined {
    if (targets.every((backend) => backend[name] === undefined)) return undefined;
    return (request) => {
      const backend = pick(name, decide(request));
      return partOf(backend, name)({ ...request, model: backend.id });
    };
  }

  const embed: Embed = async (request) => {
    const decision = chooseTargets(route, embeddingSituationOf(request, served, tenants, now()));
    const report = createReport(route.name, decision, request.observe);
    if (decision.candidates.length === 0) report.tell();
    const backend = pick("embed", decision);
    report.set(backend.id, "asked");
    // No other target answers instead: its vectors could not be compared with those of this one.
    const result = await partOf(backend, "embed")({ ...request, model: backend.id });
    report.set(backend.id, "answered");
    return result;
  };

  // What its targets can is not known then; the request is refused with the reason for each.
  const isUnserved = targets.length === 0;
  const [measure, price] = [part("measure"), part("price")];
  const text = targets.find((backend) => backend.text !== undefined)?.text;
  const state = () => BEST_FIRST.find((each) => targets.some((backend) => backend.state() === each)) ?? "failed";
  return {
    id: route.name,
    aliases: [],
    createdUnixSeconds: Math.max(0, ...targets.map(({ createdUnixSeconds }) => createdUnixSeconds)),
    ownedBy: "sluice",
    can: anyOf(targets),
    state,
    onStateChange(listener) {
      const stops = targets.map(({ onStateChange }) => onStateChange?.(() => listener(state())));
      return () => {
        for (const stop of stops) stop?.();
      };
    },
    workload: () => undefined,
    explain: (described) => explainRoute(route, served, described, { tenants, nowMs: now() }),
    // An estimate, before it is known which target answers.
    costOf: (work) => targets.map(({ costOf }) => costOf?.(work)).find((cost) => cost?.money !== undefined),
    // Its answers are stored as those of its targets.
    identity: () => undefined,
    passes: (protocol, body) =>
      // What breaks off is continued from its events.
      route.continue !== true &&
      // How sure a model is, only events tell.
      route.cascade === undefined &&
      targets.length === served.length &&
      targets.every(({ passes }) => passes?.(protocol, body) === true),
    details() {
      const contexts = targets.map((backend) => backend.details().contextTokens);
      const known = contexts.filter((tokens) => tokens !== undefined);
      return known.length < contexts.length || known.length === 0 ? {} : { contextTokens: Math.max(...known) };
    },
    ...(isUnserved || targets.some(({ generate }) => generate !== undefined)
      ? {
          generate: (request) => answerThrough(request, askDirectly),
          answerThrough,
        }
      : {}),
    ...(measure !== undefined && { measure }),
    ...(price !== undefined && { price }),
    ...(targets.some(({ settle }) => settle !== undefined) && {
      settle: async (request) => {
        const backend = pick("settle", decide(request));
        return partOf(backend, "settle")({ ...request, model: backend.id });
      },
    }),
    ...(text !== undefined && { text }),
    ...((isUnserved || targets.some((backend) => backend.embed !== undefined)) && { embed }),
  };
}

/** Another server's workload may have to be read from its metrics, which takes longer than a choice. */
const WORKLOAD_MS = 50;

function rememberWorkload(backend: Backend, clock: Clock): Backend {
  let known = backend.workload;
  let untilMs = Number.NEGATIVE_INFINITY;
  return {
    ...backend,
    workload() {
      if (clock.now() >= untilMs) {
        const read = backend.workload();
        known = () => read;
        untilMs = clock.now() + WORKLOAD_MS;
      }
      return known();
    },
  };
}

/** What any of them can; everything that requests are made for, if none is served. */
function anyOf(targets: readonly Backend[]): Capabilities {
  const any = (what: keyof Capabilities) => targets.some(({ can }) => can[what]);
  const may = (what: keyof Capabilities) => targets.length === 0 || any(what);
  return {
    ...{
      text: may("text"),
      chat: may("chat"),
      tools: may("tools"),
      schemas: may("schemas"),
      logprobs: may("logprobs"),
      images: may("images"),
    },
    ...{ embeddings: may("embeddings"), reranking: may("reranking"), tokenizing: any("tokenizing") },
    /** Not known before the model has loaded. */
    get infill() {
      return any("infill");
    },
  };
}

/** Sends requests for routes to their targets: each time as a request for the target, to all layers that follow. */
export function answerRoutes(find: (model: string) => Backend | undefined, around: Layer): Layer {
  const answer: Layer = (request, next) => {
    const through = find(request.model)?.answerThrough;
    if (through === undefined) return next(request);
    // A target may be a model with two versions, one of which has the model's own name.
    const further = (asked: GenerationRequest) => (asked.model === request.model ? next(asked) : answer(asked, next));
    return through(request, (asked) => around(asked, further));
  };
  return answer;
}
