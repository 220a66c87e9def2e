import { z } from "zod";
import { AGE_HEADER, CACHE_STATUS_HEADER } from "../answer-headers.ts";
import { REPLAY_HEADER, REPLAY_PACES } from "../cache-control.ts";
import type { Parameter } from "./operation.ts";

/** The request headers for the response cache. */
export const CACHE_PARAMETERS: readonly Parameter[] = [
  {
    name: "cache-control",
    in: "header",
    description:
      "HTTP's own directives: `no-cache`, `no-store`, `max-age=N`, `only-if-cached`, `stale-while-revalidate=N`. With `max-age` above 0 " +
      "answers with random sampling are cached too.",
    schema: z.string(),
  },
  {
    name: REPLAY_HEADER,
    in: "header",
    description: "Whether to send a cached answer at once, or at the pace of its generation.",
    schema: z.enum(REPLAY_PACES),
  },
];

/** The response headers, by the names of the document's components. */
export const CACHE_HEADERS = {
  CacheStatus: {
    name: CACHE_STATUS_HEADER,
    description:
      "How the response cache handled the request (RFC 9211), such as `sluice; hit; ttl=60`. Absent without a cache.",
    schema: { type: "string" },
  },
  Age: {
    name: AGE_HEADER,
    description: "The age of a cached answer, in s.",
    schema: { type: "integer", minimum: 0 },
  },
} as const;
