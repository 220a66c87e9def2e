import { z } from "zod";
import { BACKEND_STATES } from "../../../generation/backend.ts";
import type { Operation } from "../operation.ts";

/** The answer of `GET /health`. */
export const healthAnswer = z.strictObject({ status: z.literal("ok") });

/** The answer of `GET /ready`, with either status. */
export const readyAnswer = z.strictObject({
  status: z.enum(["ready", "unavailable"]),
  models: z.array(z.strictObject({ id: z.string(), state: z.enum(BACKEND_STATES) })),
});

const readiness = { "application/json": { name: "Readiness", schema: readyAnswer } };

export const health: Operation = {
  method: "get",
  path: "/health",
  id: "getHealth",
  tag: "Service",
  summary: "Shows that the process is alive",
  answers: {
    200: { description: "It is alive.", content: { "application/json": { name: "Health", schema: healthAnswer } } },
  },
  errors: [],
  access: "open",
};

export const ready: Operation = {
  method: "get",
  path: "/ready",
  id: "getReadiness",
  tag: "Service",
  summary: "Shows whether a model accepts requests",
  answers: {
    200: { description: "At least one model accepts requests.", content: readiness },
    503: { description: "No model accepts requests; `retry-after` says when to try again.", content: readiness },
  },
  errors: [],
  access: "open",
};

export const metrics: Operation = {
  method: "get",
  path: "/metrics",
  id: "getMetrics",
  tag: "Service",
  summary: "Shows the metrics, in Prometheus' text format",
  description:
    "The setting `metrics` says who may read them: who holds a key if there are keys (`key`), anyone (`open`), or nobody (`off`).",
  answers: { 200: { description: "The metrics.", content: { "text/plain": "text" } } },
  errors: [404],
};

export const openapi: Operation = {
  method: "get",
  path: "/openapi.json",
  id: "getOpenapi",
  tag: "Service",
  summary: "Shows this description, as OpenAPI 3.1",
  answers: {
    200: {
      description: "The document.",
      content: { "application/json": { name: "OpenapiDocument", schema: z.looseObject({ openapi: z.string() }) } },
    },
  },
  errors: [],
  access: "open",
};

export const docs: Operation = {
  method: "get",
  path: "/docs",
  id: "getDocs",
  tag: "Service",
  summary: "Shows this description as a page, to try the API in a browser",
  answers: { 200: { description: "The page.", content: { "text/html": "text" } } },
  errors: [],
  access: "open",
};
