import { hostname } from "node:os";
import type { Handler } from "hono";
import type { Backend } from "../../generation/backend.ts";
import { parseWire } from "../../protocols/issue.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { type RequestStop, stopRequestSchema } from "../stop.ts";

/** `POST /admin/stop`: has the process stop, as SIGTERM would, and says what it waits for. */
export function stopGateway(
  requestStop: RequestStop | undefined,
  models: Pick<ModelDirectory, "list">,
): Handler<HttpEnv> {
  return async (c) => {
    const { now } = parseWire(stopRequestSchema, await readJson(c));
    if (requestStop === undefined) {
      throw new HttpError(
        501,
        "This gateway is part of another program, which stops it. Stop that program.",
        "not_stoppable",
      );
    }
    const loads = models.list().map(loadOf);
    const sum = (of: "waiting" | "running") => loads.reduce((total, load) => total + (load?.[of] ?? 0), 0);
    const [running, waiting] = [sum("running"), sum("waiting")];
    const { delayMs, graceMs, serviceManager } = requestStop(now);
    return c.json(
      {
        object: "stop",
        ...{ pid: process.pid, hostname: hostname(), running, waiting },
        ...{ delay_ms: delayMs, grace_ms: graceMs, service_manager: serviceManager ?? null },
      },
      202,
    );
  };
}

function loadOf({ occupancy, workload }: Backend): { readonly waiting: number; readonly running: number } | undefined {
  return occupancy?.() ?? workload();
}
