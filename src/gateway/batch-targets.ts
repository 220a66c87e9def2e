import { z } from "zod";
import type { Elsewhere, Remote, Target } from "../batch/elsewhere/remote.ts";
import { RemoteError } from "../batch/elsewhere/remote.ts";
import type { Backend } from "../generation/backend.ts";
import { UpstreamError } from "../generation/errors.ts";
import type { WireProtocol } from "../generation/verbatim.ts";
import { peekPassable } from "../http/pass-on.ts";
import { boundLength } from "../keys/answer-length.ts";
import { type Key, type KeyPolicy, mayUse } from "../keys/key.ts";
import { parseReference } from "../prompts/reference.ts";
import { type Peeked, peekChat, peekCompletion, peekEmbeddings } from "../protocols/peek.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import type { BatchRecord } from "../store/batches.ts";
import { HOPS, type UpstreamBatches } from "../upstream/batches.ts";
import type { AnswerLengths } from "./answer-lengths.ts";

export type BatchTargetsOptions = {
  readonly directory: Pick<ModelDirectory, "find" | "resolve" | "explain">;
  /** The batches of an upstream, by its name; undefined if it gets none. */
  readonly batchesOf: (upstream: string) => UpstreamBatches | undefined;
  readonly findKey: (id: string) => Key | undefined;
  readonly lengths: Pick<AnswerLengths, "of">;
};

type Passable = {
  readonly protocol: WireProtocol;
  readonly peek: (body: Readonly<Record<string, unknown>>) => Pick<Peeked, "maxTokens"> | undefined;
};

/** The endpoints whose requests may be passed on as they came. */
const PASSABLE: Readonly<Partial<Record<string, Passable>>> = {
  "/v1/chat/completions": { protocol: "chat", peek: peekChat },
  "/v1/completions": { protocol: "completions", peek: peekCompletion },
  "/v1/embeddings": {
    protocol: "embeddings",
    peek: (body) => (peekEmbeddings(body) === undefined ? undefined : { maxTokens: undefined }),
  },
};

/** Gateways that are upstreams of each other would send a batch round for ever: beyond so many, its requests are made one by one, which tells. */
const MAX_HOPS = 3;

const hopsSchema = z.object({
  metadata: z
    .object({ [HOPS]: z.coerce.number().optional().catch(undefined) })
    .nullish()
    .catch(undefined),
});

/** What a key may be held to, request by request. */
const LIMITS = [
  ...["requestsPerMinute", "requestsPerDay", "tokensPerMinute", "tokensPerDay", "concurrentRequests"],
  ...["budgetPerDay", "budgetPerMonth", "maxTokens", "maxTokensLimit"],
] as const satisfies readonly string[];

/** Says which of a batch's requests go to an upstream's own batches: those that it would get as they came, of keys without limits. */
export function createBatchTargets(options: BatchTargetsOptions): (record: BatchRecord) => Elsewhere {
  const { directory, batchesOf, findKey, lengths } = options;
  return ({ endpoint, keyId, body }) => ({
    targetFor(model) {
      const passable = hopsOf(body) >= MAX_HOPS ? undefined : PASSABLE[endpoint];
      const key = keyId === null ? undefined : findKey(keyId);
      if (passable === undefined || parseReference(model) !== undefined) return undefined;
      if (keyId !== null && (key === undefined || isLimited(key.policy))) return undefined;
      const backend = findBackend(directory, model, keyId);
      if (backend === undefined || backend === "awaited") return backend;
      if (key !== undefined && !mayUse(key, [backend.id, ...backend.aliases])) return undefined;
      return targetAt(backend, passable);
    },
    remoteOf(upstream) {
      const batches = batchesOf(upstream);
      return batches && remoteAt(batches, hopsOf(body) + 1);
    },
  });

  function targetAt(backend: Backend, { protocol, peek }: Passable): Target | undefined {
    const { upstream, id } = backend;
    const batch = upstream?.batch;
    if (upstream === undefined || batch === undefined || batchesOf(upstream.name) === undefined) return undefined;
    const find = () => backend;
    function write(text: string): string | undefined {
      const value: unknown = JSON.parse(text);
      const passed = peekPassable({ find }, { protocol, peek }, value);
      if (passed === undefined) return undefined;
      const { body, peeked } = passed;
      const { maxTokens } = peeked;
      const verbatim = {
        ...{ protocol, text, body, maxTokens, stream: false, includeUsage: false, headers: {}, answerId: "" },
      };
      return batch?.write(verbatim, protocol === "embeddings" ? undefined : boundLength(maxTokens, {}, lengths.of(id)));
    }
    return { upstream: upstream.name, id, model: batch.model, write: (text) => withoutFaults(() => write(text)) };
  }
}

function isLimited(policy: KeyPolicy): boolean {
  const limits: Readonly<Partial<Record<string, unknown>>> = policy;
  return policy.localOnly || LIMITS.some((limit) => limits[limit] !== undefined);
}

/** What answers for a model, or is asked first on behalf of a route; `awaited` if that is not known yet. */
function findBackend(
  directory: BatchTargetsOptions["directory"],
  model: string,
  keyId: string | null,
): Backend | "awaited" | undefined {
  try {
    const named = directory.resolve(model);
    const route = directory.explain(named.id, { class: "batch", ...(keyId !== null && { key: keyId }) });
    if (route === undefined) return named;
    const [first] = route.candidates;
    return first && directory.find(first.target);
  } catch (error) {
    return error instanceof UpstreamError ? "awaited" : undefined;
  }
}

/** A request that is refused is refused where it is made by itself. */
function withoutFaults<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** How many gateways have had a batch in batches of theirs. Requests tell by a header, which batches don't keep. */
function hopsOf(body: string): number {
  return hopsSchema.parse(JSON.parse(body)).metadata?.[HOPS] ?? 0;
}

function remoteAt(batches: UpstreamBatches, hops: number): Remote {
  return {
    upload: (file, signal) => told(batches.upload(file, signal)),
    findFiles: (name, signal) => told(batches.findFiles(name, signal)),
    removeFile: (id, signal) => told(batches.removeFile(id, signal)),
    async *content(id, signal) {
      try {
        yield* batches.content(id, signal);
      } catch (error) {
        throw explain(error);
      }
    },
    create: (batch, signal) => told(batches.create({ ...batch, hops }, signal)),
    find: (tag, sinceMs, signal) => told(batches.find(tag, sinceMs, signal)),
    get: (id, signal) => told(batches.get(id, signal)),
    cancel: (id, signal) => told(batches.cancel(id, signal)),
  };
}

function told<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw explain(error);
  });
}

function explain(error: unknown): unknown {
  if (!(error instanceof UpstreamError)) return error;
  const { status } = error.failure;
  if (status === 404) return new RemoteError("gone", error.message);
  const isLasting = status !== undefined && status >= 400 && status <= 499 && status !== 408 && status !== 429;
  return new RemoteError(isLasting ? "refused" : "away", error.message);
}
