import type { Backend, BackendState } from "../generation/backend.ts";
import { PLAIN_SAMPLING } from "../generation/sampling.ts";
import { chooseTargets, type Decision, type Route, type Situation } from "./policy.ts";
import { situationOf, type Tenants } from "./situation.ts";

/** A request that nobody has sent, to ask where a route would send it. */
export type Described = Partial<
  Pick<Situation, "class" | "isLocalOnly" | "preset" | "needs" | "promptTokens" | "answerTokens" | "session">
> & {
  /** The id or the name of its key. */
  readonly key?: string | undefined;
  /** In the place of what the key has used now. */
  readonly usedShare?: number | undefined;
  /** Unix ms; now if absent. */
  readonly atMs?: number | undefined;
};

/** Where it would be sent, and what that is decided by. */
export type Explanation = Pick<Decision, "candidates" | "excluded"> & {
  /** Those that are served. */
  readonly targets: readonly {
    readonly target: string;
    readonly state: BackendState;
    /** Undefined where nothing was measured. */
    readonly firstTokenMs: number | undefined;
    /** In US dollars; undefined if unknown. */
    readonly cost: number | undefined;
    readonly waiting: number | undefined;
    readonly running: number | undefined;
  }[];
};

/** More tokens are not made up for a prediction. */
const MAX_PROMPT_TOKENS = 1_000_000;

/** @param served one for each target of the route; undefined where the model is not served */
export function explainRoute(
  route: Route,
  served: readonly (Backend | undefined)[],
  { key = "", usedShare, atMs, ...described }: Described,
  { tenants, nowMs }: { readonly tenants: Tenants; readonly nowMs: number },
): Explanation {
  const { promptTokens = 0, answerTokens = 256 } = described;
  const request = {
    ...{ id: "explain", model: route.name, choices: 1, maxTokens: answerTokens, stop: [], sampling: PLAIN_SAMPLING },
    prompt: { type: "tokens" as const, tokens: Array<number>(Math.min(promptTokens, MAX_PROMPT_TOKENS)).fill(0) },
    signal: new AbortController().signal,
    terms: { tenant: key, priority: described.class ?? ("default" as const) },
  };
  const now = situationOf(request, served, tenants, atMs ?? nowMs);
  const situation: Situation = {
    ...now,
    ...described,
    ...{ promptTokens, key: [...now.key, key], usedShare: usedShare ?? now.usedShare },
  };
  const { candidates, excluded } = chooseTargets(route, situation);
  return {
    ...{ candidates, excluded },
    targets: served.flatMap((backend, index) => {
      const state = situation.targets.at(index);
      if (backend === undefined || state === undefined) return [];
      const { waiting, running } = backend.workload() ?? {};
      const { firstTokenMs, cost } = state;
      return [{ target: state.id, state: state.state, firstTokenMs, cost, waiting, running }];
    }),
  };
}
