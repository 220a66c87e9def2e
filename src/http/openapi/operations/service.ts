import { z } from "zod";
import { BACKEND_STATES } from "../../../generation/backend.ts";
import type { Operation } from "../operation.ts";

/** What `GET /health` answers. */
export const healthAnswer = z.strictObject({ status: z.literal("ok") });

/** What `GET /ready` answers, with either status. */
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
  summary: "Says that the process is alive",
  answers: {
    200: { description: "It is.", content: { "application/json": { name: "Health", schema: healthAnswer } } },
  },
  errors: [],
  access: "open",
};

export const ready: Operation = {
  method: "get",
  path: "/ready",
  id: "getReadiness",
  tag: "Service",
  summary: "Says whether a model takes requests",
  answers: {
    200: { description: "At least one can.", content: readiness },
    503: { description: "None can; `retry-after` says when to ask again.", content: readiness },
  },
  errors: [],
  access: "open",
};

export const openapi: Operation = {
  method: "get",
  path: "/openapi.json",
  id: "getOpenapi",
  tag: "Service",
  summary: "This description, as OpenAPI 3.1",
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
  summary: "This description as a page, to try the API from a browser",
  answers: { 200: { description: "The page.", content: { "text/html": "text" } } },
  errors: [],
  access: "open",
};
