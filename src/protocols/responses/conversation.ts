import { z } from "zod";
import { parseWire } from "../issue.ts";
import { decodeMetadata, type Metadata, metadata } from "../metadata.ts";
import { decodeInput } from "./decode-items.ts";
import { newId } from "./ids.ts";
import { type Item, type ItemReference, someWireItems, wireItems } from "./items.ts";

const ABOUT_METADATA = "Up to 16 key-value pairs, which replace the existing ones.";

/** The body of `POST /v1/conversations`. */
export const newConversationSchema = z.object(
  {
    items: wireItems.nullish().describe("The first items of the conversation."),
    metadata: metadata.nullish().describe(ABOUT_METADATA),
  },
  { error: "an object" },
);
/** A body whose only field is `metadata`. */
export const metadataUpdateSchema = z.object(
  { metadata: metadata.nullable().describe(ABOUT_METADATA) },
  { error: "an object" },
);
/** The body of `POST /v1/conversations/{id}/items`. */
export const itemsSchema = z.object({ items: someWireItems.describe("The items to append.") }, { error: "an object" });

export type NewConversation = {
  readonly id: string;
  readonly items: readonly (Item | ItemReference)[];
  readonly metadata: Metadata;
};

/** Decodes the body of `POST /v1/conversations`. Throws `InvalidRequestError`. */
export function decodeNewConversation(body: unknown): NewConversation {
  const wire = parseWire(newConversationSchema, body);
  return {
    id: newId("conv"),
    items: decodeInput(wire.items ?? [], "items"),
    metadata: decodeMetadata(wire.metadata),
  };
}

/** Decodes an update, whose only field is `metadata`. Throws `InvalidRequestError`. */
export function decodeMetadataUpdate(body: unknown): Metadata {
  return decodeMetadata(parseWire(metadataUpdateSchema, body).metadata);
}

/** Decodes the body of `POST /v1/conversations/{id}/items`. Throws `InvalidRequestError`. */
export function decodeNewItems(body: unknown): (Item | ItemReference)[] {
  return decodeInput(parseWire(itemsSchema, body).items, "items");
}

/** Encodes OpenAI's `conversation` object. `metadata` is JSON. */
export function encodeConversation(record: {
  readonly id: string;
  readonly createdMs: number;
  readonly metadata: string;
}) {
  return {
    id: record.id,
    object: "conversation",
    created_at: Math.floor(record.createdMs / 1000),
    metadata: metadata.parse(JSON.parse(record.metadata)),
  };
}
