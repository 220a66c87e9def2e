import { z } from "zod";
import { LAST_EVENT_HEADER, RESUME_HEADER } from "../streams/asked.ts";
import type { Operation, Parameter } from "./operation.ts";

/** The request headers for streams that can be taken up. */
export const RESUME_PARAMETERS: readonly Parameter[] = [
  {
    name: RESUME_HEADER,
    in: "header",
    description: "`1` keeps a stream, so that `GET /v1/streams/{x-request-id}` can go on with it.",
    schema: z.enum(["0", "1"]),
  },
  {
    name: LAST_EVENT_HEADER,
    in: "header",
    description: "The last `id` of a stream that broke off. It is answered with the rest of that stream.",
    schema: z.string(),
  },
];

/** The response headers, by the names of the document's components. */
export const RESUME_HEADERS = {
  Resume: {
    name: RESUME_HEADER,
    description:
      "Of a stream that is kept: how many seconds its work goes on while nobody reads it, and how long it is kept after its end, as `grace=30, keep=300`.",
    schema: { type: "string" },
  },
} as const;

/** Whether an operation generates, and clients can have its answer as a stream. */
export function streams({ waits, answers }: Pick<Operation, "waits" | "answers">): boolean {
  const types = Object.values(answers).flatMap(({ content = {} }) => Object.keys(content));
  return waits === true && types.some((type) => type === "text/event-stream" || type === "application/x-ndjson");
}
