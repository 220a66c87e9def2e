import { modelsWithSettings, ownLengths } from "../config/model-settings.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import { upstreamModels } from "../config/upstreams.ts";
import { type AnswerLength, type LengthEntry, type Lengths, readLengths } from "../keys/answer-length.ts";
import type { ModelDirectory } from "../routing/directory.ts";

/** Returns the length of each model's answers by its id, also for models added later. Throws a `ConfigError` for a name that no model has at the start. */
export function answerLengths(
  {
    maxTokens,
    maxTokensLimit,
    perModel,
    upstreams = [],
  }: Pick<Config, "maxTokens" | "maxTokensLimit" | "perModel"> & Partial<Pick<Config, "upstreams">>,
  models: ModelDirectory,
): (model: string) => AnswerLength {
  const { mayCome } = upstreamModels(upstreams);
  const assertNamed = (flag: string, named: readonly string[]) =>
    assertServed(
      flag,
      named.filter((name) => !mayCome(name)),
      models,
    );
  assertNamed("--per-model", modelsWithSettings(perModel));
  const usual = readServed("--max-tokens", [...maxTokens, ...ownLengths(perModel, "maxTokens")], assertNamed);
  const most = readServed(
    "--max-tokens-limit",
    [...maxTokensLimit, ...ownLengths(perModel, "maxTokensLimit")],
    assertNamed,
  );
  let byId = lengthsById();
  models.onChange(() => {
    byId = lengthsById();
  });
  const forOthers = { maxTokens: usual.of([]), maxTokensLimit: most.of([]) };
  return (model) => byId.get(model) ?? forOthers;

  function lengthsById(): ReadonlyMap<string, AnswerLength> {
    return new Map(
      [...models.list(), ...models.routes()].map(({ id, aliases }) => {
        const names = [id, ...aliases];
        return [id, { maxTokens: usual.of(names), maxTokensLimit: most.of(names) }];
      }),
    );
  }
}

function readServed(
  flag: string,
  entries: readonly LengthEntry[],
  assertNamed: (flag: string, named: readonly string[]) => void,
): Lengths {
  const lengths = readLengths(entries);
  assertNamed(flag, lengths.models);
  return lengths;
}

function assertServed(flag: string, named: readonly string[], models: ModelDirectory): void {
  const all = [...models.list(), ...models.routes()];
  const names = new Set(all.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => name.toLowerCase())));
  const unknown = named.filter((name) => !names.has(name.toLowerCase()));
  if (unknown.length > 0) {
    const served = all.map(({ id }) => id);
    throw new ConfigError([`${flag}: unknown model: ${unknown.join(", ")}. Available: ${served.join(", ")}.`]);
  }
}
