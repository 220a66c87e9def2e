import { modelsWithSettings, settingsOf } from "../../config/model-settings.ts";
import type { Config } from "../../config/schema.ts";
import { upstreamModels } from "../../config/upstreams.ts";
import { isLoopback } from "../../keys/exposure.ts";
import { adapterNames, type LocalModel } from "../../models/index.ts";
import { AliasError, parseAliases } from "../../routing/aliases.ts";
import { joinRoutes, RouteError, unservedTargets } from "../../routing/routes.ts";
import { shellCommand } from "../../version.ts";
import { type Check, problem, warning } from "./check.ts";

/** The tile size of attention; only chunks of whole tiles can share a call (docs/decisions/007-exactness.md). */
const TILE_TOKENS = 64;

type Named = Pick<LocalModel, "id" | "aliases">;

/** Finds settings that are valid alone, but conflict with each other, with the models, or with the use of keys. */
export function checkSettings(config: Config, models: readonly LocalModel[], hasKeys: boolean): readonly Check[] {
  return [
    ...checkContext(config, models),
    ...checkNamedModels(config, models),
    ...checkPending(config),
    ...checkPrefillChunk(config),
    ...checkRedis(config),
    ...(hasKeys ? [] : checkHost(config)),
  ];
}

/** Finds aliases and settings of single models that name a model which isn't served. */
export function checkNamedModels(config: Config, local: readonly Named[]): readonly Check[] {
  // The id of a model is unknown until it is downloaded.
  if (local.length < new Set(config.model).size) return [];
  const models = [...local, ...adapterNames(config.adapters, local), ...upstreamModels(config.upstreams).named];
  return [...checkAliases(config, models), ...checkRoutes(config, models), ...checkPerModel(config, models)];
}

/** The warnings of `loadConfig` about former names; each ends with the new name. */
export function checkNames(warnings: readonly string[]): readonly Check[] {
  return warnings.map((text) => {
    const end = text.lastIndexOf(". Write ");
    return warning("setting", text.slice(0, end), text.slice(end + 2));
  });
}

function checkContext(config: Config, models: readonly LocalModel[]): readonly Check[] {
  return models.flatMap(({ id, aliases, gguf: { contextLength } }) => {
    const { context } = settingsOf(config, [id, ...aliases]);
    return context === "auto" || contextLength === undefined || context <= contextLength
      ? []
      : warning(
          "context",
          `--context ${context} is more than the ${contextLength} tokens that ${id} was trained for: beyond that, its answers are nonsense`,
          `Start with --context ${contextLength} or less.`,
        );
  });
}

function checkPerModel({ perModel, upstreams }: Config, models: readonly Named[]): readonly Check[] {
  const served = new Set(models.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => name.toLowerCase())));
  const { mayCome } = upstreamModels(upstreams);
  const unknown = modelsWithSettings(perModel).filter((name) => !served.has(name.toLowerCase()) && !mayCome(name));
  if (unknown.length === 0) return [];
  const message = `--per-model names ${unknown.join(", ")}, which is not served`;
  return [problem("models", message, `Name one of ${models.map(({ id }) => id).join(", ")}.`)];
}

function checkAliases({ aliases, upstreams }: Config, models: readonly Named[]): readonly Check[] {
  try {
    parseAliases(aliases, models, upstreamModels(upstreams).mayCome);
    return [];
  } catch (error) {
    if (!(error instanceof AliasError)) throw error;
    return [problem("aliases", error.message, "Correct or remove --aliases.")];
  }
}

/** A target that isn't served may be added later, so it is no problem. */
function checkRoutes({ routes, aliases, upstreams }: Config, models: readonly Named[]): readonly Check[] {
  const others = upstreamModels(upstreams);
  const named = [...models, ...aliases.map((text) => ({ id: text.slice(0, text.indexOf("=")).trim(), aliases: [] }))];
  try {
    const unserved = unservedTargets(joinRoutes(routes, named), named, others.mayCome);
    if (unserved.length === 0) return [];
    const message = `routes have targets that are not served now: ${unserved.join(", ")}`;
    return [warning("routes", message, "Correct them, or serve these models.")];
  } catch (error) {
    if (!(error instanceof RouteError)) throw error;
    return [problem("routes", error.message, "Correct or remove --routes.")];
  }
}

function checkPending({ slots, replicas, maxPending, model }: Config): readonly Check[] {
  const places = slots * replicas * new Set(model).size;
  if (maxPending >= places) return [];
  const message = `--max-pending ${maxPending} allows fewer requests than there are slots (${places}): some slots stay empty`;
  return [warning("slots", message, `Start with --max-pending ${places} or more, or with fewer --slots.`)];
}

function checkPrefillChunk({ prefillChunk }: Config): readonly Check[] {
  if (prefillChunk % TILE_TOKENS === 0) return [];
  const message = `--prefill-chunk ${prefillChunk} is not a multiple of ${TILE_TOKENS}: chunks can't share a call, so prefill is slower`;
  const next = Math.max(TILE_TOKENS, Math.floor(prefillChunk / TILE_TOKENS) * TILE_TOKENS);
  return [warning("prefill chunk", message, `Start with --prefill-chunk ${next}.`)];
}

function checkRedis({ redisUrl, redisShares }: Config): readonly Check[] {
  if (redisUrl !== "" || !redisShares.includes("answers")) return [];
  const message = "--redis-shares includes answers, but no --redis-url is set";
  return [warning("Redis", message, "Set --redis-url, or remove answers from --redis-shares.")];
}

function checkHost({ host, insecure }: Config): readonly Check[] {
  if (isLoopback(host)) return [];
  const message = `${host} can be reached from other machines, and there are no keys`;
  const create = shellCommand("keys create NAME");
  if (insecure) return [warning("host", message, `Create a key with \`${create}\`, and remove --insecure.`)];
  return [
    problem("host", message, `Create a key with \`${create}\`, or start with --host 127.0.0.1 or with --insecure.`),
  ];
}
