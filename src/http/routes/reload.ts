import type { Handler } from "hono";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { hasChanges, type Reload, ReloadError } from "../reload.ts";

/** `POST /admin/reload`: reads the settings again, and answers when they are in force. */
export function reloadSettings(reload: Reload | undefined): Handler<HttpEnv> {
  return async (c) => {
    if (reload === undefined) {
      throw new HttpError(
        501,
        "This gateway is part of another program, which has given it its settings. It must be started again with others.",
        "not_reloadable",
      );
    }
    try {
      const { waiting, ...changes } = await reload();
      return c.json({
        object: "reload",
        changed: hasChanges({ waiting: [], ...changes }),
        ...changes,
        needs_restart: waiting,
      });
    } catch (error) {
      if (!(error instanceof ReloadError)) throw error;
      throw new HttpError(422, `Nothing was changed. ${error.message}`, "invalid_settings");
    }
  };
}
