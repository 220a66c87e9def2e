import { z } from "zod";
import { itemsSchema, metadataUpdateSchema, newConversationSchema } from "../../../protocols/responses/conversation.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { item, itemList } from "./items.ts";
import { CHANGE_ERRORS, count, deleted, inPath, LIST_ERRORS, LOOKUP_ERRORS, paging } from "./shared.ts";

const conversation: NamedSchema = {
  name: "Conversation",
  schema: z.object({
    id: z.string(),
    object: z.literal("conversation"),
    created_at: count,
    metadata: z.record(z.string(), z.string()),
  }),
};
const shown = { 200: { description: "The conversation.", content: { "application/json": conversation } } };

const id = inPath("id", "The conversation's id: `conv_` and 48 hexadecimal digits.");
const itemId = inPath("item", "The item's id.");
const tag = "Conversations";
const userMessage = { type: "message", role: "user", content: "Hello." };

/** The body of `POST /v1/conversations/{id}` and `POST /v1/chat/completions/{id}`. */
export const metadataUpdate = {
  name: "MetadataUpdate",
  schema: metadataUpdateSchema,
  examples: { "one pair": { metadata: { topic: "sky" } } },
};

export const createConversation: Operation = {
  method: "post",
  path: "/v1/conversations",
  id: "createConversation",
  tag,
  summary: "Creates a conversation",
  description: "The body is optional. The `type` of messages and references may be omitted.",
  request: {
    name: "NewConversation",
    schema: newConversationSchema,
    isOptional: true,
    examples: { "one message": { items: [userMessage], metadata: { topic: "sky" } } },
  },
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const retrieveConversation: Operation = {
  method: "get",
  path: "/v1/conversations/{id}",
  id: "retrieveConversation",
  tag,
  summary: "Shows a conversation",
  parameters: [id],
  answers: shown,
  errors: LOOKUP_ERRORS,
};

export const updateConversation: Operation = {
  method: "post",
  path: "/v1/conversations/{id}",
  id: "updateConversation",
  tag,
  summary: "Replaces the metadata of a conversation",
  parameters: [id],
  request: metadataUpdate,
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const deleteConversation: Operation = {
  method: "delete",
  path: "/v1/conversations/{id}",
  id: "deleteConversation",
  tag,
  summary: "Deletes a conversation",
  parameters: [id],
  answers: {
    200: {
      description: "It is deleted.",
      content: { "application/json": { name: "DeletedConversation", schema: deleted("conversation.deleted") } },
    },
  },
  errors: LOOKUP_ERRORS,
};

export const addConversationItems: Operation = {
  method: "post",
  path: "/v1/conversations/{id}/items",
  id: "addConversationItems",
  tag,
  summary: "Adds items to a conversation",
  description: "The `type` of messages and references may be omitted.",
  parameters: [id],
  request: { name: "NewItems", schema: itemsSchema, examples: { "one message": { items: [userMessage] } } },
  answers: { 200: { description: "The new items.", content: { "application/json": itemList } } },
  errors: CHANGE_ERRORS,
};

export const listConversationItems: Operation = {
  method: "get",
  path: "/v1/conversations/{id}/items",
  id: "listConversationItems",
  tag,
  summary: "Lists a conversation's items",
  parameters: [id, ...paging("desc")],
  answers: { 200: { description: "A page of items.", content: { "application/json": itemList } } },
  errors: LIST_ERRORS,
};

export const retrieveConversationItem: Operation = {
  method: "get",
  path: "/v1/conversations/{id}/items/{item}",
  id: "retrieveConversationItem",
  tag,
  summary: "Shows one item of a conversation",
  parameters: [id, itemId],
  answers: { 200: { description: "The item.", content: { "application/json": item } } },
  errors: LOOKUP_ERRORS,
};

export const deleteConversationItem: Operation = {
  method: "delete",
  path: "/v1/conversations/{id}/items/{item}",
  id: "deleteConversationItem",
  tag,
  summary: "Deletes one item of a conversation",
  parameters: [id, itemId],
  answers: shown,
  errors: LOOKUP_ERRORS,
};
