import type { Handler } from "hono";
import { parseWire } from "../../protocols/issue.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { type ModelVersions, type ToldModel, VersionError, versionRequestSchema } from "../versions.ts";

/** `GET /admin/models`: the versions of local models. */
export function listVersions(versions: ModelVersions | undefined): Handler<HttpEnv> {
  return (c) => c.json({ object: "list", data: (versions?.list() ?? []).map(encode) });
}

/** `POST /admin/models/promote` and `/admin/models/rollback`. */
export function changeVersion(versions: ModelVersions | undefined, change: "promote" | "rollback"): Handler<HttpEnv> {
  return async (c) => {
    const { model } = parseWire(versionRequestSchema, await readJson(c));
    if (versions === undefined) {
      throw new HttpError(
        501,
        "This gateway is part of another program, which has given it its models. They have no versions.",
        "not_reloadable",
      );
    }
    try {
      return c.json(encode(await versions[change](model)));
    } catch (error) {
      if (!(error instanceof VersionError)) throw error;
      throw error.reason === "unknown"
        ? new HttpError(404, error.message, "model_not_found")
        : new HttpError(409, error.message, "no_such_version");
    }
  };
}

function encode({ id, versions }: ToldModel) {
  return { object: "model.versions", id, versions };
}
