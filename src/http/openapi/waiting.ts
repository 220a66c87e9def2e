import { z } from "zod";
import { QUEUE_MS_HEADER, QUEUE_POSITION_HEADER } from "../middleware/queue-headers.ts";
import { MAX_SUPERSEDE_ID_LENGTH, MAX_WAIT_HEADER, MAX_WAIT_MS, SUPERSEDE_HEADER } from "../terms.ts";
import type { Parameter } from "./operation.ts";

/** What a request that has to wait for its turn may say about that. */
export const WAIT_PARAMETERS: readonly Parameter[] = [
  {
    name: MAX_WAIT_HEADER,
    in: "header",
    description: "At most so many ms until the first token; a request that can't have it by then is refused at once.",
    schema: z.int().min(1).max(MAX_WAIT_MS),
  },
  {
    name: SUPERSEDE_HEADER,
    in: "header",
    description: "Takes the place of the same key's earlier request with the same id, which ends with a 409.",
    schema: z
      .string()
      .max(MAX_SUPERSEDE_ID_LENGTH)
      .regex(/^[\x21-\x7e]+$/),
  },
];

/** What its answer says, by the names of the document's components. */
export const WAIT_HEADERS: Readonly<Record<string, { readonly name: string; readonly description: string }>> = {
  QueueMs: {
    name: QUEUE_MS_HEADER,
    description: "How long the request waited for its turn, in ms; for a stream, until its head was sent.",
  },
  QueuePosition: {
    name: QUEUE_POSITION_HEADER,
    description:
      "Its position in the queue when it came, or, as long as it waits, now; 0 where it had its turn at once.",
  },
};
