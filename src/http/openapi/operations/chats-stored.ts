import { z } from "zod";
import { chatCompletion } from "../../../protocols/openai-responses.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { metadataUpdate } from "./conversations.ts";
import { CHANGE_ERRORS, deleted, inPath, inQuery, LIST_ERRORS, LOOKUP_ERRORS, listOf, paging } from "./shared.ts";

const stored: NamedSchema = {
  name: "StoredChatCompletion",
  schema: chatCompletion.extend({ metadata: z.record(z.string(), z.string()) }),
};
const shown = { 200: { description: "The completion.", content: { "application/json": stored } } };

const message = z.object({
  id: z.string(),
  role: z.string(),
  content: z.string().nullable(),
  content_parts: z.array(z.object({ type: z.string() })).nullable(),
});

const id = inPath("id", "The completion's id: `chatcmpl-` and 29 letters and digits.");
const tag = "Chat";

export const listStoredChats: Operation = {
  method: "get",
  path: "/v1/chat/completions",
  id: "listStoredChats",
  tag,
  summary: "Lists stored chat completions",
  description: "`metadata[topic]=sky` in the query selects completions with this metadata.",
  parameters: [inQuery("model", "Only completions of this model.", z.string()), ...paging("asc")],
  answers: {
    200: {
      description: "A page of completions.",
      content: { "application/json": { name: "StoredChatCompletionList", schema: listOf(stored.schema) } },
    },
  },
  errors: [400, 500, 503],
};

export const retrieveStoredChat: Operation = {
  method: "get",
  path: "/v1/chat/completions/{id}",
  id: "retrieveStoredChat",
  tag,
  summary: "Shows a stored chat completion",
  parameters: [id],
  answers: shown,
  errors: LOOKUP_ERRORS,
};

export const updateStoredChat: Operation = {
  method: "post",
  path: "/v1/chat/completions/{id}",
  id: "updateStoredChat",
  tag,
  summary: "Replaces the metadata of a stored chat completion",
  parameters: [id],
  request: metadataUpdate,
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const deleteStoredChat: Operation = {
  method: "delete",
  path: "/v1/chat/completions/{id}",
  id: "deleteStoredChat",
  tag,
  summary: "Deletes a stored chat completion",
  parameters: [id],
  answers: {
    200: {
      description: "It is deleted.",
      content: { "application/json": { name: "DeletedChatCompletion", schema: deleted("chat.completion.deleted") } },
    },
  },
  errors: LOOKUP_ERRORS,
};

export const listStoredChatMessages: Operation = {
  method: "get",
  path: "/v1/chat/completions/{id}/messages",
  id: "listStoredChatMessages",
  tag,
  summary: "Lists the messages of a stored chat completion's request",
  parameters: [id, ...paging("asc")],
  answers: {
    200: {
      description: "A page of messages.",
      content: { "application/json": { name: "StoredMessageList", schema: listOf(message) } },
    },
  },
  errors: LIST_ERRORS,
};
