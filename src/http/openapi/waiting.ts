import { z } from "zod";
import { QUEUE_MS_HEADER, QUEUE_POSITION_HEADER } from "../answer-headers.ts";
import { ROUTE_HEADER } from "../route-header.ts";
import { SESSION_HEADER } from "../session.ts";
import {
  LOCAL_ONLY_HEADER,
  MAX_SUPERSEDE_ID_LENGTH,
  MAX_WAIT_HEADER,
  MAX_WAIT_MS,
  SUPERSEDE_HEADER,
} from "../terms.ts";
import type { Parameter } from "./operation.ts";

/** The request headers for the queue. */
export const WAIT_PARAMETERS: readonly Parameter[] = [
  {
    name: MAX_WAIT_HEADER,
    in: "header",
    description: "The maximum time until the first token, in ms. A request that can't meet it is refused at once.",
    schema: z.int().min(1).max(MAX_WAIT_MS),
  },
  {
    name: SUPERSEDE_HEADER,
    in: "header",
    description: "Replaces the same key's earlier request with the same id, which ends with a 409.",
    schema: z
      .string()
      .max(MAX_SUPERSEDE_ID_LENGTH)
      .regex(/^[\x21-\x7e]+$/),
  },
  {
    name: LOCAL_ONLY_HEADER,
    in: "header",
    description: "`1` refuses the request with a 403 where its model is answered by another server.",
    schema: z.enum(["0", "1"]),
  },
  {
    name: SESSION_HEADER,
    in: "header",
    description: "The conversation that the request belongs to, so that upstreams answer it where its prefix is held.",
    schema: z.string().min(1).max(512),
  },
];

const COUNT = { type: "integer", minimum: 0 };

/** The response headers, by the names of the document's components. */
export const WAIT_HEADERS = {
  QueueMs: {
    name: QUEUE_MS_HEADER,
    description: "The time that the request waited in the queue, in ms; for a stream, until its headers were sent.",
    schema: COUNT,
  },
  QueuePosition: {
    name: QUEUE_POSITION_HEADER,
    description:
      "The request's position in the queue when it arrived, or, while it waits, its current position; 0 if it didn't wait.",
    schema: COUNT,
  },
  Route: {
    name: ROUTE_HEADER,
    description: "Which target of a route answered, first, and why the others did not: a list in the form of RFC 9651.",
    schema: { type: "string" },
  },
};
