import { modelsWithSettings, ownLengths } from "../config/model-settings.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import { upstreamModels } from "../config/upstreams.ts";
import type { Backend } from "../generation/backend.ts";
import { type AnswerLength, type LengthEntry, type Lengths, readLengths } from "../keys/answer-length.ts";
import type { ModelDirectory } from "../routing/directory.ts";

type LengthSettings = Pick<Config, "maxTokens" | "maxTokensLimit" | "perModel"> & Partial<Pick<Config, "upstreams">>;

type Named = Pick<Backend, "id" | "aliases">;

/** The length of each model's answers, by its id. */
export type AnswerLengths = {
  readonly of: (model: string) => AnswerLength;
  /** Checks other settings, for other models. Throws a `ConfigError`; nothing has changed before the returned function is called. */
  readonly prepare: (settings: LengthSettings, models: readonly Named[]) => () => void;
};

/** Knows the lengths of models that are added later, too. Throws a `ConfigError` for a name that no model has at the start. */
export function answerLengths(settings: LengthSettings, models: ModelDirectory): AnswerLengths {
  const served = () => [...models.list(), ...models.routes()];
  let entries = readEntries(settings, served());
  let byId = lengthsById();
  models.onChange(() => {
    byId = lengthsById();
  });

  function lengthsById(): ReadonlyMap<string, AnswerLength> {
    return new Map(served().map(({ id, aliases }) => [id, lengthOf(entries, [id, ...aliases])]));
  }

  return {
    of: (model) => byId.get(model) ?? lengthOf(entries, []),
    prepare(others, known) {
      const next = readEntries(others, known);
      return () => {
        entries = next;
        byId = lengthsById();
      };
    },
  };
}

type Entries = { readonly usual: Lengths; readonly most: Lengths };

function readEntries(
  { maxTokens, maxTokensLimit, perModel, upstreams = [] }: LengthSettings,
  models: readonly Named[],
) {
  const { mayCome } = upstreamModels(upstreams);
  const assertNamed = (flag: string, named: readonly string[]) =>
    assertServed(
      flag,
      named.filter((name) => !mayCome(name)),
      models,
    );
  assertNamed("--per-model", modelsWithSettings(perModel));
  const limits = [...maxTokensLimit, ...ownLengths(perModel, "maxTokensLimit")];
  return {
    usual: readServed("--max-tokens", [...maxTokens, ...ownLengths(perModel, "maxTokens")], assertNamed),
    most: readServed("--max-tokens-limit", limits, assertNamed),
  };
}

function lengthOf({ usual, most }: Entries, names: readonly string[]): AnswerLength {
  return { maxTokens: usual.of(names), maxTokensLimit: most.of(names) };
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

function assertServed(flag: string, named: readonly string[], all: readonly Named[]): void {
  const names = new Set(all.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => name.toLowerCase())));
  const unknown = named.filter((name) => !names.has(name.toLowerCase()));
  if (unknown.length > 0) {
    const served = all.map(({ id }) => id);
    throw new ConfigError([`${flag}: unknown model: ${unknown.join(", ")}. Available: ${served.join(", ")}.`]);
  }
}
