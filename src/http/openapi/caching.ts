import { z } from "zod";
import { REPLAY_HEADER, REPLAY_PACES } from "../cache-control.ts";
import { AGE_HEADER, CACHE_STATUS_HEADER } from "../middleware/cache-headers.ts";
import type { Parameter } from "./operation.ts";

/** What a request may ask of the response cache. */
export const CACHE_PARAMETERS: readonly Parameter[] = [
  {
    name: "cache-control",
    in: "header",
    description:
      "HTTP's own directives: `no-cache`, `no-store`, `max-age=N`, `only-if-cached`, `stale-while-revalidate=N`. With `max-age` above 0 " +
      "an answer that is drawn by chance is stored and taken too.",
    schema: z.string(),
  },
  {
    name: REPLAY_HEADER,
    in: "header",
    description: "A stored answer comes as fast as it is read, or at the natural pace of its generation.",
    schema: z.enum(REPLAY_PACES),
  },
];

/** What its answer says, by the names of the document's components. */
export const CACHE_HEADERS = {
  CacheStatus: {
    name: CACHE_STATUS_HEADER,
    description:
      "What the response cache made of the request (RFC 9211), such as `sluice; hit; ttl=60`. Absent where there is none.",
    schema: { type: "string" },
  },
  Age: {
    name: AGE_HEADER,
    description: "Of an answer from the cache: how long ago it was generated, in s.",
    schema: { type: "integer", minimum: 0 },
  },
} as const;
