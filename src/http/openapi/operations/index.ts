import type { Operation } from "../operation.ts";
import { clearCache, listUsage, showCache, warmCache } from "./admin.ts";
import { createChatCompletion } from "./chat.ts";
import {
  deleteStoredChat,
  listStoredChatMessages,
  listStoredChats,
  retrieveStoredChat,
  updateStoredChat,
} from "./chats-stored.ts";
import { createCompletion } from "./completions.ts";
import {
  addConversationItems,
  createConversation,
  deleteConversation,
  deleteConversationItem,
  listConversationItems,
  retrieveConversation,
  retrieveConversationItem,
  updateConversation,
} from "./conversations.ts";
import { createEmbedding, rerankOperations } from "./embeddings.ts";
import { countMessageTokens, createMessage } from "./messages.ts";
import { listModels, retrieveModel } from "./models.ts";
import {
  cancelResponse,
  compactResponse,
  countResponseTokens,
  createResponse,
  deleteResponse,
  listInputItems,
  retrieveResponse,
} from "./responses.ts";
import { docs, health, openapi, ready } from "./service.ts";
import { applyTemplate, detokenize, tokenize } from "./text.ts";

/** Every route of the app, in the order in which the document tells of them. */
export const operations: readonly Operation[] = [
  createChatCompletion,
  listStoredChats,
  retrieveStoredChat,
  updateStoredChat,
  deleteStoredChat,
  listStoredChatMessages,
  createResponse,
  compactResponse,
  countResponseTokens,
  retrieveResponse,
  deleteResponse,
  cancelResponse,
  listInputItems,
  createConversation,
  retrieveConversation,
  updateConversation,
  deleteConversation,
  addConversationItems,
  listConversationItems,
  retrieveConversationItem,
  deleteConversationItem,
  createMessage,
  countMessageTokens,
  createCompletion,
  createEmbedding,
  ...rerankOperations,
  listModels,
  retrieveModel,
  tokenize,
  detokenize,
  applyTemplate,
  listUsage,
  showCache,
  clearCache,
  warmCache,
  health,
  ready,
  openapi,
  docs,
];
