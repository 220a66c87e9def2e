import type { Hono, MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";
import { deleteChat, listChatMessages, listChats, showChat, updateChat } from "./chats-stored.ts";
import { compactResponse } from "./compact.ts";
import {
  addConversationItems,
  createConversation,
  deleteConversation,
  deleteConversationItem,
  listConversationItems,
  showConversation,
  showConversationItem,
  updateConversation,
} from "./conversations.ts";
import { countInputTokens } from "./input-tokens.ts";
import { createResponse, type ResponsesDeps } from "./responses.ts";
import { cancelResponse, deleteResponse, listInputItems, showResponse } from "./responses-stored.ts";

/** What stands before a POST with a body, and before one without. */
export type PostGuards = {
  readonly takesJson: MiddlewareHandler<HttpEnv>;
  readonly isJson: MiddlewareHandler<HttpEnv>;
};

/** Adds the routes of everything that is kept: responses, conversations, stored chat completions. */
export function addStateRoutes(app: Hono<HttpEnv>, deps: ResponsesDeps, guards: PostGuards): void {
  const { state } = deps;
  const { takesJson, isJson } = guards;

  app.post("/v1/responses", takesJson, createResponse(deps));
  app.post("/v1/responses/input_tokens", takesJson, countInputTokens(deps));
  app.post("/v1/responses/compact", takesJson, compactResponse(deps));
  app.get("/v1/responses/:id", showResponse(deps));
  app.delete("/v1/responses/:id", deleteResponse(deps));
  app.post("/v1/responses/:id/cancel", isJson, cancelResponse(deps));
  app.get("/v1/responses/:id/input_items", listInputItems(deps));

  app.post("/v1/conversations", takesJson, createConversation(deps));
  app.get("/v1/conversations/:id", showConversation(deps));
  app.post("/v1/conversations/:id", takesJson, updateConversation(deps));
  app.delete("/v1/conversations/:id", deleteConversation(deps));
  app.post("/v1/conversations/:id/items", takesJson, addConversationItems(deps));
  app.get("/v1/conversations/:id/items", listConversationItems(deps));
  app.get("/v1/conversations/:id/items/:item", showConversationItem(deps));
  app.delete("/v1/conversations/:id/items/:item", deleteConversationItem(deps));

  app.get("/v1/chat/completions", listChats(state));
  app.get("/v1/chat/completions/:id", showChat(state));
  app.post("/v1/chat/completions/:id", takesJson, updateChat(state));
  app.delete("/v1/chat/completions/:id", deleteChat(state));
  app.get("/v1/chat/completions/:id/messages", listChatMessages(state));
}
