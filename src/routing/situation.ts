import { hash } from "node:crypto";
import type { Backend } from "../generation/backend.ts";
import type { EmbeddingRequest } from "../generation/embedding.ts";
import { estimateAnswers, estimateItems, estimatePrompt } from "../generation/estimate.ts";
import type { GenerationRequest, Prompt } from "../generation/request.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import { needsOf } from "./able.ts";
import type { Situation, TargetState } from "./policy.ts";

/** What the keys tell of who asks. */
export type Tenants = {
  /** The id and the name of a tenant's key. */
  readonly namesOf: (tenant: string) => readonly string[];
  /** The share of its limits of tokens and money that the key has used, from 0 to 1; undefined without a limit. */
  readonly usedShareOf: (tenant: string) => number | undefined;
};

/** The beginning of a conversation tells it from others; the rest need not be read. */
const MAX_BEGINNING = 2_048;

/** @param served one for each target of the route; undefined where the model is not served */
export function situationOf(
  request: GenerationRequest,
  served: readonly (Backend | undefined)[],
  tenants: Tenants,
  nowMs: number,
): Situation {
  const { terms = OWN_TERMS, cache, prompt } = request;
  const [promptTokens, answerTokens] = [estimatePrompt(request), estimateAnswers(request)];
  return {
    ...asker(terms, tenants, nowMs),
    task: "text",
    preset: cache?.preset,
    needs: needsOf(request),
    ...{ promptTokens, answerTokens },
    session: `${terms.tenant}\n${terms.session ?? beginningOf(prompt)}`,
    targets: statesOf(served, (backend) => ({
      ...stateOf(backend, backend.predictMs?.(request)),
      cost: estimateCost(backend, promptTokens, answerTokens),
    })),
  };
}

/** The same for vectors and scores. */
export function embeddingSituationOf(
  { items, terms = OWN_TERMS }: EmbeddingRequest,
  served: readonly (Backend | undefined)[],
  tenants: Tenants,
  nowMs: number,
): Situation {
  const promptTokens = estimateItems(items);
  return {
    ...asker(terms, tenants, nowMs),
    task: items[0]?.type === "pair" ? "reranking" : "embeddings",
    preset: undefined,
    needs: [],
    promptTokens,
    answerTokens: 0,
    // All vectors of a tenant are made by one model, since those of two can't be compared.
    session: terms.tenant,
    targets: statesOf(served, (backend) => ({
      ...stateOf(backend),
      // An item may be cut or refused by its own length only.
      contextTokens: undefined,
      cost: estimateCost(backend, promptTokens, 0),
    })),
  };
}

/** The states of targets, each found when it is first asked for: of thousands, a request looks at a few. */
function statesOf(
  served: readonly (Backend | undefined)[],
  find: (backend: Backend) => TargetState,
): Situation["targets"] {
  const known = new Map<number, TargetState | undefined>();
  return {
    at(index) {
      if (known.has(index)) return known.get(index);
      const backend = served.at(index);
      const state = backend && find(backend);
      known.set(index, state);
      return state;
    },
  };
}

type Asker = Pick<Situation, "nowMs" | "class" | "isLocalOnly" | "key" | "usedShare">;

function asker({ tenant, priority, localOnly, isWarmUp }: Terms, tenants: Tenants, nowMs: number): Asker {
  return {
    nowMs,
    class: priority,
    // Nobody pays another server for an answer that nobody has asked for.
    isLocalOnly: localOnly === true || isWarmUp === true,
    key: tenants.namesOf(tenant),
    usedShare: tenants.usedShareOf(tenant),
  };
}

function estimateCost({ costOf }: Backend, prompt: number, completion: number): number | undefined {
  return costOf?.({ prompt, cached: 0, completion })?.money;
}

function stateOf(backend: Backend, given?: number): TargetState {
  const { id, upstream, can } = backend;
  const workload = backend.workload();
  const predictedMs = given ?? workload?.firstTokenMs;
  return {
    ...(workload && { inHand: workload.waiting + workload.running }),
    ...{ id, can },
    isLocal: upstream?.isLocal ?? true,
    state: backend.state(),
    contextTokens: backend.details().contextTokens,
    firstTokenMs: predictedMs,
  };
}

/** The same for all requests of a conversation: its instructions and its first message by the user. */
function beginningOf(prompt: Prompt): string {
  const digest = (text: string) => hash("sha1", text.slice(0, MAX_BEGINNING), "base64url");
  switch (prompt.type) {
    case "chat": {
      const end = prompt.messages.findIndex(({ role }) => role === "user");
      const first = prompt.messages.slice(0, end + 1).map(({ content }) => content.slice(0, MAX_BEGINNING));
      return digest(first.join("\n"));
    }
    case "text":
      return digest(prompt.text);
    case "tokens":
      return digest(prompt.tokens.slice(0, MAX_BEGINNING / 4).join());
    case "infill":
      return digest(prompt.prefix);
  }
}
