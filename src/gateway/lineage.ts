import { stat } from "node:fs/promises";
import { settingsOf } from "../config/model-settings.ts";
import type { Config } from "../config/schema.ts";
import { splitPaths } from "../models/index.ts";
import type { GivenModel } from "./engines.ts";
import type { LocalBackend } from "./local-backend.ts";
import { isServing } from "./versions.ts";

/** A model's file as it was found: another mark is another version. */
export type Version = {
  readonly model: GivenModel;
  readonly mark: string;
  /** When its file was changed last, in Unix ms; undefined if it can't be read. */
  readonly modifiedMs: number | undefined;
};

/** A version that has a backend. */
export type Served = Version & {
  readonly backend: LocalBackend;
  /** The model's own, as they were when it was made. */
  readonly settings: Config;
};

/** A model, and its next version while that takes its place. */
export type Lineage = {
  readonly stable: Served;
  readonly next?: Served | undefined;
  /** Which share of the sessions `next` gets; undefined while it is being loaded. */
  readonly share?: number | undefined;
  /** What the directory has of it. */
  readonly backend: LocalBackend;
  /** What `stable` has replaced. */
  readonly former?: Version | undefined;
  /** A version that was rolled back or can't be loaded, and what is served in its place although the settings name it. */
  readonly refused?: Refused | undefined;
};

export type Refused = { readonly mark: string; readonly version: Version; readonly instead: Version };

/** That `version` is not to be served although the settings name it. */
export function refusalOf({ model, mark, modifiedMs }: Version, instead: Version): Refused {
  return { mark, version: { model, mark, modifiedMs }, instead };
}

export type LineageParts = {
  /** Makes a version. @param after what has to be gone before it is loaded */
  readonly serve: (version: Version, settings: Config, after?: LocalBackend) => Promise<Served>;
  /** Whether a version fits into memory beside all that is loaded. */
  readonly hasRoomFor: (model: GivenModel, settings: Config) => boolean;
  /** @param share as of `joinVersions` */
  readonly join: (stable: LocalBackend, next: LocalBackend, share: number | undefined) => LocalBackend;
};

/** What changes with the model's files. A file that can't be read has no other version. */
export async function versionOf(model: GivenModel): Promise<Version> {
  const paths = [...splitPaths(model.path), ...(model.adapter ? [model.adapter.path] : [])];
  const found = await Promise.all(
    paths.map(async (path) => {
      const file = await stat(path).catch(() => undefined);
      return [path, file?.size, file?.mtimeMs] as const;
    }),
  );
  return { model, mark: JSON.stringify(found), modifiedMs: found[0]?.[2] };
}

/** A model without a next version. */
export function settled(stable: Served, more: Pick<Lineage, "former" | "refused"> = {}): Lineage {
  return { stable, backend: stable.backend, ...more };
}

/** What is to be served where the settings name `wanted`. */
function targetOf({ refused }: Lineage, wanted: Version): { readonly version: Version; readonly isInstead: boolean } {
  return refused?.mark === wanted.mark
    ? { version: refused.instead, isInstead: true }
    : { version: wanted, isInstead: false };
}

/**
 * The lineage after a look at its files and settings; the same if there is nothing to do. A new version is loaded beside the old one where memory
 * allows, then gets its share of the sessions, or all. Where it doesn't, or nothing is loaded, it takes the old one's place at once, and is loaded when that has left.
 *
 * @param isPromoted whether the next version is to answer all requests
 */
export async function advance(
  lineage: Lineage,
  wanted: Version,
  settings: Config,
  { serve, hasRoomFor, join }: LineageParts,
  isPromoted = false,
): Promise<Lineage> {
  const { stable, next } = lineage;
  const { version, isInstead } = targetOf(lineage, wanted);
  const refused = isInstead ? lineage.refused : undefined;
  const { id, aliases } = version.model;
  // What was served before needs no trial.
  const isKnown = isInstead || version.mark === lineage.former?.mark;
  const share = isKnown || isPromoted ? 1 : settingsOf(settings, [id, ...aliases]).canary;
  if (version.mark === stable.mark) {
    const isAsItWas = next === undefined && lineage.refused === refused;
    return isAsItWas ? lineage : settled(stable, { former: lineage.former, refused });
  }

  function beside(made: Served): Lineage {
    const isReady = isServing(made.backend.state(), made.model.isOnDemand === true);
    if (isReady && share === 1) return settled(made, { former: stable, refused });
    const given = isReady ? share : undefined;
    if (made === next && given === lineage.share) return lineage;
    const backend = join(stable.backend, made.backend, given);
    return { stable, next: made, share: given, backend, former: lineage.former, refused };
  }

  if (next?.mark === version.mark) return beside(next);
  const isAway = stable.backend.state() === "unloaded" || stable.backend.state() === "failed";
  if (!isAway && hasRoomFor(version.model, settings)) return beside(await serve(version, settings));
  if (isAway && share < 1) return beside(await serve(version, settings));
  return settled(await serve(version, settings, isAway ? undefined : stable.backend), { former: stable, refused });
}
