import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { parseWire } from "../issue.ts";
import type { ServiceTier } from "../service-tier.ts";
import type { TokenCounts } from "../tally.ts";
import { decodeInput } from "./decode-items.ts";
import { newId } from "./ids.ts";
import type { Compaction, InputMessage, Item, ItemReference } from "./items.ts";
import { encodeResponseUsage } from "./response.ts";
import { compactRequestSchema } from "./schema.ts";

/** A decoded request to compact a conversation. Its references are not looked up yet. */
export type CompactRequest = {
  /** The model's id or alias from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly instructions: string | undefined;
  readonly previousResponseId: string | undefined;
  readonly conversationId: undefined;
  readonly input: readonly (Item | ItemReference)[];
  readonly serviceTier: ServiceTier | undefined;
};

/** Understands the body of `POST /v1/responses/compact`. Throws `InvalidRequestError`. */
export function decodeCompactRequest(body: unknown): CompactRequest {
  const wire = parseWire(compactRequestSchema, body);
  const input = decodeInput(wire.input ?? [], "input", "noted");
  if (input.length === 0 && !isSet(wire.previous_response_id)) {
    throw new InvalidRequestError(
      "One of 'input' or 'previous_response_id' must be provided.",
      "input",
      "missing_required_parameter",
    );
  }
  return {
    model: wire.model ?? undefined,
    instructions: wire.instructions ?? undefined,
    previousResponseId: wire.previous_response_id ?? undefined,
    conversationId: undefined,
    input,
    serviceTier: wire.service_tier ?? undefined,
  };
}

/** Encodes OpenAI's `response.compaction` object: the items that replace the conversation. */
export function encodeCompacted(
  kept: readonly InputMessage[],
  compaction: Compaction,
  counts: TokenCounts,
  nowMs: number,
) {
  return {
    id: newId("resp"),
    object: "response.compaction",
    created_at: Math.floor(nowMs / 1000),
    output: [...kept, compaction],
    usage: encodeResponseUsage(counts),
  };
}
