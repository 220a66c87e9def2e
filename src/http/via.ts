import { HttpError } from "./errors.ts";

/** Names the gateways that a request has passed through, each by its id. */
export const VIA_HEADER = "sluice-via";

/** More gateways in a row are taken for a loop. */
const MAX_GATEWAYS = 8;

/** Reads `sluice-via`. What is no id is ignored. */
export function readVia(text = ""): readonly string[] {
  const ids = text.split(",", MAX_GATEWAYS).map((id) => id.trim());
  return ids.filter((id) => /^[\w-]{1,64}$/.test(id));
}

/**
 * Throws for a request that has passed through this gateway before, or through too many. The error is a 400, which the gateways on its way back
 * neither try again nor count as a failure of their upstream.
 */
export function assertNoLoop(text: string | undefined, ownId: string): void {
  const via = readVia(text);
  if (!via.includes(ownId) && via.length < MAX_GATEWAYS) return;
  throw new HttpError(
    400,
    "The request came back to a gateway that had passed it on, or went through too many: gateways are upstreams of each other. Correct their `upstreams`.",
    "upstream_loop",
  );
}
