import { basename } from "node:path";
import { type ModelVersions, type ToldModel, type ToldVersion, VersionError } from "../http/versions.ts";
import type { ModelDirectory } from "../routing/directory.ts";
import { type Lineage, type Served, type Version, versionOf } from "./lineage.ts";
import type { LocalModels } from "./local-models.ts";
import { modelOfNew, nameOfNew } from "./versions.ts";

export type VersionControlOptions = {
  readonly locals: LocalModels;
  readonly directory: Pick<ModelDirectory, "find">;
  /** As `LiveReload.lookAgain`. */
  readonly lookAgain: (first: () => void) => Promise<void>;
};

/** Lets an operator go on to a model's new version, or back. */
export function createVersionControl({ locals, directory, lookAgain }: VersionControlOptions): ModelVersions {
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
    return tell(id, find(id).lineage);
  }

  return {
    list: () => locals.given().map(({ id }) => tell(id, find(id).lineage)),
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
      if (next !== undefined) return change(id, { mark: next.mark, instead: stable });
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
      return change(id, { mark: stable.mark, instead: former });
    },
  };
}

function tell(id: string, { stable, next, share, former, refused }: Lineage): ToldModel {
  const isCanary = next !== undefined && share !== undefined;
  return {
    id,
    versions: [
      { ...toldOf("stable", stable), name: id, state: stateOf(stable), share: isCanary ? 1 - share : 1 },
      ...(next
        ? [{ ...toldOf("new", next), name: nameOfNew(id), state: stateOf(next), share: isCanary ? share : 0 }]
        : []),
      ...(former ? [toldOf("former", former)] : []),
      ...(refused ? [{ role: "refused" } as const] : []),
    ],
  };
}

function toldOf(role: ToldVersion["role"], { model }: Version): ToldVersion {
  const { quantization } = model.gguf;
  return { role, file: basename(model.path), ...(quantization !== undefined && { quantization }) };
}

function stateOf({ backend }: Served): string {
  return backend.state();
}
