import type { Logger } from "pino";
import type { Config } from "../config/schema.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { mayUse } from "../keys/key.ts";
import type { KeyRing } from "../keys/ring.ts";
import { NANOS } from "../keys/windows.ts";
import type { LoadControl } from "../queue/load-control.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { sampleRequests } from "../shadow/layer.ts";
import { countOmissions } from "../shadow/omissions.ts";
import { type Comparison, createShadow } from "../shadow/runner.ts";
import type { State } from "../store/state.ts";
import { stayOf } from "./stay.ts";

export type GatewayShadowOptions = {
  readonly config: Pick<Config, "shadowModel" | "shadowShare" | "shadowKeepTexts" | "shadowEmbedder">;
  readonly models: Pick<ModelDirectory, "find">;
  /** Passes each request to its model, without the limits of keys, routes and the cache. */
  readonly generate: Generate;
  readonly embed: Embed;
  readonly keys: Pick<KeyRing, "get">;
  readonly state: Pick<State, "shadows">;
  readonly load: Pick<LoadControl, "attendance">;
  readonly logger: Pick<Logger, "warn">;
};

/** Texts whose vectors are at least so near count as the same. */
const MIN_SIMILARITY = 0.9;

/** Longer texts are not kept: they would be no examples. */
const MAX_KEPT_CHARACTERS = 20_000;

/** Answers a share of what went to other servers on this machine, too, and stores how they compare. */
export function createGatewayShadow(options: GatewayShadowOptions): {
  readonly layer: Layer;
  readonly settled: () => Promise<void>;
  readonly stop: () => void;
} {
  const { config, models, generate, embed, keys, state, load, logger } = options;
  const { shadowModel: name, shadowShare: share, shadowEmbedder: embedder } = config;
  const local = () => {
    const found = models.find(name);
    return found?.upstream === undefined && found?.generate !== undefined ? found : undefined;
  };

  function mayAnswer(tenant: string): boolean {
    const model = local();
    if (model === undefined) return false;
    if (tenant === OWN_TERMS.tenant) return true;
    const key = keys.get(tenant);
    return key !== undefined && mayUse(key, [model.id, ...model.aliases]);
  }

  function keep(comparison: Comparison): void {
    const { sample, ours, isStructured, isSame, similarity = null, mean = null, least = null } = comparison;
    const { request, theirs, model, money, prompt } = sample;
    const tenant = request.terms?.tenant ?? OWN_TERMS.tenant;
    // The key may have been revoked meanwhile.
    if (!mayAnswer(tenant)) return;
    const question = prompt.messages.findLast(({ role }) => role === "user")?.content ?? "";
    const texts = { question, theirs: textOf(theirs), ours: textOf(ours) };
    const length = texts.question.length + texts.theirs.length + texts.ours.length;
    // An answer with calls would be no example.
    const isText = theirs.calls.length === 0 && request.cache?.noStore !== true;
    const isKept = config.shadowKeepTexts && isText && length <= MAX_KEPT_CHARACTERS;
    try {
      state.shadows.add({
        ...{ createdMs: Date.now(), tenant, preset: request.cache?.preset ?? null, model, local: local()?.id ?? name },
        ...{ isStructured, isSame, similarity, mean, least },
        costNanos: money === undefined ? null : Math.round(money * NANOS),
        texts: isKept ? texts : null,
      });
    } catch (error) {
      logger.warn({ err: error }, "a comparison with an upstream's answer can't be stored");
    }
  }

  const omissions = countOmissions((omitted) => {
    try {
      state.shadows.leaveOut(omitted, Date.now());
    } catch (error) {
      logger.warn({ err: error }, "the calls that were not compared can't be counted");
    }
  });
  const { leaveOut } = omissions;
  const shadow = createShadow({
    ...{ model: name, generate, embed, minSimilarity: MIN_SIMILARITY, keep, leaveOut, log: logger },
    embedder: embedder === "" ? undefined : embedder,
    stay: () => stayOf(local()),
    quiet: load.attendance.quiet,
  });
  const layer = sampleRequests({
    ...{ share, mayAnswer, leaveOut, take: shadow.add },
    isElsewhere(model) {
      const { upstream } = models.find(model) ?? {};
      return upstream !== undefined && !upstream.isLocal;
    },
    costOf: (model, work) => models.find(model)?.costOf?.(work)?.money,
  });
  function stop(): void {
    shadow.stop();
    omissions.stop();
  }
  return { layer, settled: shadow.settled, stop };
}

function textOf({ text, calls }: Comparison["ours"]): string {
  return calls.length === 0 ? text : JSON.stringify(calls);
}
