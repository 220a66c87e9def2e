import type { Logger } from "pino";
import { SEMANTIC_DETAIL } from "../generation/cache.ts";
import type { Layer } from "../generation/layer.ts";
import type { Link } from "../redis/link.ts";
import { takesPart } from "./choose.ts";
import { readAnswers, writeAnswers } from "./file.ts";
import { answerRepeats } from "./layer.ts";
import { createRepeats, type Repeats } from "./repeats.ts";
import { createSecondLevel } from "./second-level/second-level.ts";
import type { Judges } from "./semantic/verify.ts";
import { type CacheControl, controlCache, createCacheCounter } from "./stats.ts";
import { type AnswerStore, createAnswerStore } from "./store.ts";
import type { Tier } from "./tier.ts";

/** The response cache: stored answers, the layer that answers from them, and the file that keeps them across restarts. */
export type ResponseCache = {
  /** Empty if the cache is off. */
  readonly layers: readonly Layer[];
  /** Whether the answer to a request is stored. */
  readonly keeps: (request: Parameters<typeof takesPart>[0]) => boolean;
  /** Undefined if the cache is off. */
  readonly control: CacheControl | undefined;
  /** Creates the place for answers in the form in which they were sent, once. Undefined if the cache is off. */
  readonly openRepeats: (<Form>() => Repeats<Form>) | undefined;
  /** Loads what `save` wrote. Logs a warning if it can't be read. */
  readonly load: () => Promise<void>;
  /** Writes the stored answers to the file, if one is set. Logs a warning if it can't be written. */
  readonly save: () => Promise<void>;
  /** Resolves when all writes to the second level have ended. */
  readonly settled: () => Promise<void>;
};

export type ResponseCacheOptions = {
  readonly config: {
    readonly cacheBytes: number;
    readonly cacheTtlSeconds: number;
    /** The file that keeps answers across restarts; "" for none. */
    readonly cacheFile: string;
    readonly cacheFollowMs: number;
  };
  /**
   * Returns a text that changes with everything that changes the model's answers; undefined if they must not be stored, or if it is not known
   * yet.
   */
  readonly identify: (model: string) => string | undefined;
  /** The models that compare two texts, for presets with `semantic`. Without them there is no semantic tier. */
  readonly judges?: Judges;
  /** Where several gateways share answers. */
  readonly redis?: Link | undefined;
  readonly logger: Pick<Logger, "warn" | "info">;
};

/** Far more than the longest stored answer. A longer record is damaged. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/** One part in this many of the cache's size is for answers in the form in which they were sent. */
const REPEATS_SHARE = 8;

/** The semantic tier may use one part in this many of the cache's size, in addition to it. */
const TEXTS_SHARE = 32;

/** Creates an empty cache. */
export function createResponseCache(options: ResponseCacheOptions): ResponseCache {
  const { cacheBytes: maxBytes, cacheTtlSeconds, cacheFile } = options.config;
  const doNothing = async () => {};
  if (maxBytes === 0) {
    const nothing = { load: doNothing, save: doNothing, settled: doNothing };
    return { layers: [], keeps: () => false, control: undefined, openRepeats: undefined, ...nothing };
  }
  const ttlMs = cacheTtlSeconds * 1_000;
  const repeatBytes = Math.floor(maxBytes / REPEATS_SHARE);
  let repeats: ForgetfulRepeats | undefined;
  const store = createAnswerStore({ maxBytes: maxBytes - repeatBytes, ttlMs, onGone: (id) => repeats?.forget(id) });
  const counter = createCacheCounter();
  const { identify, redis, config } = options;
  const shared = redis && createSecondLevel({ link: redis, followMs: config.cacheFollowMs, ttlMs, store });
  const tiers = [shared?.tier, createSemantic(options, store)].filter((tier) => tier !== undefined);
  return {
    layers: [answerRepeats({ store, identify, tiers, leases: shared?.leases, onNews: counter.note })],
    keeps: takesPart,
    control: controlCache({ size: () => addSizes(store, repeats), clear: store.clear }, counter, maxBytes, shared),
    openRepeats<Form>() {
      const opened = createRepeats<Form>({ maxBytes: repeatBytes, store, identify });
      repeats = opened;
      return opened;
    },
    settled: shared?.settled ?? doNothing,
    ...(cacheFile === "" ? { load: doNothing, save: doNothing } : keepIn(cacheFile, store, maxBytes, options.logger)),
  };
}

type ForgetfulRepeats = Pick<Repeats<unknown>, "size"> & { readonly forget: (id: object) => void };

/** The entries of the store, and all memory. */
function addSizes(store: AnswerStore, repeats: ForgetfulRepeats | undefined): ReturnType<AnswerStore["size"]> {
  const { entries, bytes } = store.size();
  return { entries, bytes: bytes + (repeats?.size().bytes ?? 0) };
}

/** The semantic tier. Its code is loaded with the first request that needs it. */
function createSemantic(
  { config, judges, identify, logger }: ResponseCacheOptions,
  store: AnswerStore,
): Tier | undefined {
  if (judges === undefined) return undefined;
  let loading: Promise<Tier> | undefined;
  let loaded: Tier | undefined;

  async function load(by: Judges): Promise<Tier> {
    const [{ createSemanticTier }, { verifyBy }] = await Promise.all([
      import("./semantic/tier.ts"),
      import("./semantic/verify.ts"),
    ]);
    loaded = createSemanticTier({
      ...{ store, identify },
      verify: verifyBy(by),
      maxBytes: Math.ceil(config.cacheBytes / TEXTS_SHARE),
      onFailure: (error) => logger.warn({ err: error }, "no model could tell whether two requests are alike"),
    });
    return loaded;
  }
  function use(by: Judges): Promise<Tier> {
    loading ??= load(by);
    return loading;
  }

  return {
    name: SEMANTIC_DETAIL,
    takes: (request) => request.cache?.semantic !== undefined && loaded?.takes(request) === true,
    find: async (sought, signal) => (await use(judges)).find(sought, signal),
    keep(sought, entry) {
      if (sought.request.cache?.semantic !== undefined) void use(judges).then((tier) => tier.keep?.(sought, entry));
    },
  };
}

/** No failure of the file stops the gateway. */
function keepIn(
  file: string,
  store: AnswerStore,
  maxBytes: number,
  logger: Pick<Logger, "warn">,
): Pick<ResponseCache, "load" | "save"> {
  return {
    async load() {
      try {
        for await (const entry of readAnswers(file, Math.min(maxBytes, MAX_RECORD_BYTES))) store.restore(entry);
      } catch (error) {
        const isNew = error instanceof Error && "code" in error && error.code === "ENOENT";
        if (!isNew) logger.warn({ err: error, file }, "stored answers can't be read; the cache begins empty");
      }
    },
    async save() {
      try {
        await writeAnswers(file, store.entries());
      } catch (error) {
        logger.warn({ err: error, file }, "stored answers can't be written; they are lost with the process");
      }
    },
  };
}
