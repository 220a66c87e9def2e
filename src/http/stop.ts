import { z } from "zod";

/** The body of `POST /admin/stop`. */
export const stopRequestSchema = z.strictObject({
  now: z.boolean().default(false).describe("Cuts off the requests in progress, rather than letting them end."),
});

/** How the gateway will stop. */
export type StopPlan = {
  /** For so long it goes on as before, with `GET /ready` at 503. */
  readonly delayMs: number;
  /** For so long after that requests in progress may go on. */
  readonly graceMs: number;
  /** What has started it, and may start it again; absent if that is not known. */
  readonly serviceManager?: "systemd" | "launchd";
};

/** Has the gateway's process stop, as a signal would: it returns at once, and what it is called for begins after it. */
export type RequestStop = (isNow: boolean) => StopPlan;
