import { systemClock } from "../clock.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import { composeEmbed, type Embed } from "../generation/embedding.ts";
import { compose, type Generate, type Layer } from "../generation/layer.ts";
import { isClientsFault } from "../http/errors.ts";
import { boundAnswers } from "../keys/answer-length.ts";
import { holdEmbeddingsToLimits, holdToLimits } from "../keys/layer.ts";
import { tellLastingFirst } from "../queue/lasting-first.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { answerRoutes } from "../routing/routed.ts";
import { type AnswerLengths, answerLengths } from "./answer-lengths.ts";
import type { GatewayOptions } from "./options.ts";
import type { Parts } from "./parts.ts";
import type { GatewayShadowOptions } from "./shadow.ts";

/** The way of each request through the layers around all models. */
export type Layers = {
  readonly generate: Generate;
  readonly embed: Embed;
  readonly lengths: AnswerLengths;
  /** Undefined if nothing is compared. */
  readonly shadow: { readonly layer: Layer; readonly stop: () => void } | undefined;
};

export async function composeLayers({ config, logger }: GatewayOptions, parts: Parts): Promise<Layers> {
  const { directory, routed, embedRouted, access, cache, load, state, watch } = parts;
  const shadow = await openShadow(config, () => ({
    ...{ config, models: directory, generate: routed, embed: embedRouted, keys: access.keys, state, load, logger },
  }));
  const costsOf = (model: string) => directory.find(model)?.costOf;
  const lengths = answerLengths(config, directory);
  const bounded = boundAnswers(access.keys, lengths.of);
  return {
    ...{ lengths, shadow },
    generate: compose(
      [
        watch.layer,
        bounded,
        refuseLastingFirst(directory),
        holdToLimits(access.keys, access.meter, costsOf),
        ...(shadow ? [shadow.layer] : []),
        answerRoutes(directory.find, bounded),
        ...cache.layers,
      ],
      routed,
    ),
    embed: composeEmbed([watch.embedLayer, holdEmbeddingsToLimits(access.keys, access.meter, costsOf)], embedRouted),
  };
}

function refuseLastingFirst(directory: ModelDirectory): Layer {
  return tellLastingFirst({
    price: (request) => directory.reach(request.model).price?.(request),
    contextTokens: (model) => directory.reach(model).details().contextTokens,
    isUpstream: (model) => directory.reach(model).upstream !== undefined,
    isLasting: isClientsFault,
    clock: systemClock,
  });
}

/** Undefined if nothing is compared. */
async function openShadow({ shadowShare, shadowModel }: Config, options: () => GatewayShadowOptions) {
  if (shadowShare === 0) return undefined;
  if (shadowModel === "") {
    throw new ConfigError(["shadowShare: name the local model that answers, too, with shadowModel (--shadow-model)."]);
  }
  return (await import("./shadow.ts")).createGatewayShadow(options());
}
