import type { Hono } from "hono";
import type { HttpEnv } from "../context.ts";
import { limitBody } from "../middleware/body-limit.ts";
import { jsonOnly } from "../middleware/json-only.ts";
import { jsonOrNothing } from "../middleware/json-or-nothing.ts";
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

/** Adds the routes of everything that is kept: responses, conversations, stored chat completions. */
export function addStateRoutes(app: Hono<HttpEnv>, deps: ResponsesDeps, maxBodyBytes: number): void {
  const { state } = deps;
  const limit = limitBody(maxBodyBytes);

  app.post("/v1/responses", jsonOnly(), limit, createResponse(deps));
  app.post("/v1/responses/input_tokens", jsonOnly(), limit, countInputTokens(deps));
  app.post("/v1/responses/compact", jsonOnly(), limit, compactResponse(deps));
  app.get("/v1/responses/:id", showResponse(deps));
  app.delete("/v1/responses/:id", deleteResponse(deps));
  app.post("/v1/responses/:id/cancel", cancelResponse(deps));
  app.get("/v1/responses/:id/input_items", listInputItems(deps));

  app.post("/v1/conversations", jsonOrNothing(), limit, createConversation(deps));
  app.get("/v1/conversations/:id", showConversation(deps));
  app.post("/v1/conversations/:id", jsonOnly(), limit, updateConversation(deps));
  app.delete("/v1/conversations/:id", deleteConversation(deps));
  app.post("/v1/conversations/:id/items", jsonOnly(), limit, addConversationItems(deps));
  app.get("/v1/conversations/:id/items", listConversationItems(deps));
  app.get("/v1/conversations/:id/items/:item", showConversationItem(deps));
  app.delete("/v1/conversations/:id/items/:item", deleteConversationItem(deps));

  app.get("/v1/chat/completions", listChats(state));
  app.get("/v1/chat/completions/:id", showChat(state));
  app.post("/v1/chat/completions/:id", jsonOnly(), limit, updateChat(state));
  app.delete("/v1/chat/completions/:id", deleteChat(state));
  app.get("/v1/chat/completions/:id/messages", listChatMessages(state));
}
