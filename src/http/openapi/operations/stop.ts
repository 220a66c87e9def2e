import { z } from "zod";
import { stopRequestSchema } from "../../stop.ts";
import type { Operation } from "../operation.ts";
import { count } from "./shared.ts";

export const stop: Operation = {
  method: "post",
  path: "/admin/stop",
  id: "stop",
  tag: "Administration",
  summary: "Stops the gateway, as SIGTERM does",
  description:
    "Answers at once. Then no new requests are taken, those in progress end, and the process exits. Access is the same as for `GET /admin/usage`.",
  request: {
    name: "StopRequest",
    schema: stopRequestSchema,
    examples: { "let requests end": {}, "cut them off": { now: true } },
  },
  answers: {
    202: {
      description: "It stops.",
      content: {
        "application/json": {
          name: "Stop",
          schema: z.object({
            object: z.literal("stop"),
            pid: count.describe("The gateway's process, on its machine."),
            hostname: z.string().describe("That machine's name."),
            running: count.describe("Requests that run."),
            waiting: count.describe("Requests that wait for their turn."),
            delay_ms: count.describe("For so long it goes on as before, while `GET /ready` is 503."),
            grace_ms: count.describe("For so long after that requests in progress may go on."),
            service_manager: z
              .enum(["systemd", "launchd"])
              .nullable()
              .describe("What has started it, and may start it again; null if that is not known."),
          }),
        },
      },
    },
  },
  errors: [400, 403, 415, 500, 501],
  access: "admin",
};
