import { z } from "zod";
import type { NamedSchema, Operation } from "../operation.ts";
import { count, deleted, inPath, inQuery, LOOKUP_ERRORS } from "./shared.ts";

const id = inPath("id", "The `x-request-id` of the answer whose stream it is: `req_` and 32 hexadecimal digits.");

const event: NamedSchema = { name: "KeptEvent", schema: z.looseObject({}) };

export const readStream: Operation = {
  method: "get",
  path: "/v1/streams/{id}",
  id: "readStream",
  tag: "Streams",
  summary: "Goes on with a stream that broke off",
  description:
    "For streams of requests with the header `sluice-resume: 1`. The answer has the form of that stream, and each event the id `{id}:{number}`.",
  parameters: [
    id,
    inQuery("after", "The number of the last event that the client has; 0 by default.", count),
    {
      name: "Last-Event-ID",
      in: "header",
      description: "The id of the last event that the client has, or its number. It comes before `after`.",
      schema: z.string(),
    },
  ],
  answers: {
    200: {
      description: "The events that follow.",
      content: { "text/event-stream": event, "application/x-ndjson": event },
    },
    204: { description: "The stream has ended, and nothing follows." },
  },
  errors: [400, 410, ...LOOKUP_ERRORS],
};

export const deleteStream: Operation = {
  method: "delete",
  path: "/v1/streams/{id}",
  id: "deleteStream",
  tag: "Streams",
  summary: "Ends the work for a stream",
  parameters: [id],
  answers: {
    200: {
      description: "The work has ended.",
      content: { "application/json": { name: "DeletedStream", schema: deleted("stream") } },
    },
  },
  errors: [410, ...LOOKUP_ERRORS],
};
