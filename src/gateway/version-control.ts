import { basename, relative, resolve } from "node:path";
import { type ModelVersions, type ToldModel, type ToldVersion, VersionError } from "../http/versions.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { type Lineage, refusalOf, type Served, type Version, versionOf } from "./lineage.ts";
import { type LocalModels, lacksTemplate } from "./local-models.ts";
import { modelOfNew, nameOfNew } from "./versions.ts";

export type VersionControlOptions = {
  readonly locals: LocalModels;
  readonly modelsDir: string;
  readonly directory: Pick<ModelDirectory, "find">;
  /** As `LiveReload.lookAgain`. */
  readonly lookAgain: (first: () => void) => Promise<void>;
};

/** Lets an operator go on to a model's new version, or back. */
export function createVersionControl({
  locals,
  directory,
  modelsDir,
  lookAgain,
}: VersionControlOptions): ModelVersions {
  function find(name: string): { readonly id: string; readonly lineage: Lineage } {
    const found = directory.find(name)?.id ?? name;
    for (const id of [found, modelOfNew(found)]) {
      const lineage = locals.find(id);
      if (lineage !== undefined) return { id, lineage };
    }
    const known = locals.given().map((model) => model.id);
    throw new VersionError(
      "unknown",
      `There is no local model '${name.slice(0, 128)}' in the settings. Models: ${known.join(", ") || "none"}.`,
    );
  }

  async function change(id: string, refused: Lineage["refused"] | "promote"): Promise<ToldModel> {
    await lookAgain(() => locals.decide(id, refused === "promote" ? { type: "promote" } : { type: "refuse", refused }));
    return tell(id, find(id).lineage, modelsDir);
  }

  return {
    list: () => locals.given().map(({ id }) => tell(id, find(id).lineage, modelsDir)),
    async promote(name) {
      const { id, lineage } = find(name);
      const { next, share, refused } = lineage;
      if (next !== undefined && share === undefined) {
        throw new VersionError(
          "impossible",
          `The new version of ${id} is still being loaded. Try again when it is ready.`,
        );
      }
      if (next !== undefined) return change(id, "promote");
      if (refused !== undefined) return change(id, undefined);
      throw new VersionError(
        "impossible",
        `${id} has no new version. Name another file in the settings, and reload them.`,
      );
    },
    async rollback(name) {
      const { id, lineage } = find(name);
      const { stable, next, former, refused } = lineage;
      if (next !== undefined) return change(id, refusalOf(next, stable));
      if (refused !== undefined) {
        throw new VersionError(
          "impossible",
          `${id} was rolled back already. \`sluice models promote ${id}\` undoes that.`,
        );
      }
      if (former === undefined) {
        throw new VersionError("impossible", `${id} has had no other version since the gateway was started.`);
      }
      if ((await versionOf(former.model)).mark !== former.mark) {
        throw new VersionError(
          "impossible",
          `The file of the former version of ${id} is gone or has changed. Name a file in the settings, and reload them.`,
        );
      }
      return change(id, refusalOf(stable, former));
    },
  };
}

function tell(id: string, { stable, next, share, former, refused }: Lineage, modelsDir: string): ToldModel {
  const toldOf = (role: ToldVersion["role"], version: Version) => tellVersion(role, version, modelsDir);
  const isCanary = next !== undefined && share !== undefined;
  return {
    id,
    versions: [
      { ...toldOf("stable", stable), name: id, state: stateOf(stable), share: isCanary ? 1 - share : 1 },
      ...(next
        ? [{ ...toldOf("new", next), name: nameOfNew(id), state: stateOf(next), share: isCanary ? share : 0 }]
        : []),
      ...(former ? [toldOf("former", former)] : []),
      ...(refused ? [toldOf("refused", refused.version)] : []),
    ],
  };
}

function tellVersion(role: ToldVersion["role"], { model, modifiedMs }: Version, modelsDir: string): ToldVersion {
  const { quantization } = model.gguf;
  const inFolder = relative(resolve(modelsDir), resolve(model.path));
  return {
    ...{ role, file: basename(model.path), path: inFolder.startsWith("..") ? model.path : inFolder },
    ...(modifiedMs !== undefined && { modified_at: Math.floor(modifiedMs / 1_000) }),
    ...(quantization !== undefined && { quantization }),
    ...(lacksTemplate(model) && { lacks: ["chat_template" as const] }),
  };
}

function stateOf({ backend }: Served): string {
  return backend.state();
}
