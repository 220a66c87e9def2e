import type { Context, Handler } from "hono";
import { decodeMetadataFilter, encodeKeptChat, encodeKeptMessages } from "../../protocols/chat/stored.ts";
import { decodePaging, encodeList } from "../../protocols/paging.ts";
import { decodeMetadataUpdate } from "../../protocols/responses/conversation.ts";
import type { ChatRecord } from "../../store/chat-completions.ts";
import type { State } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { stateOf } from "../tenant.ts";
import { afterNotFound } from "./responses-stored.ts";

/** `GET /v1/chat/completions`: lists stored completions by model and metadata, oldest first by default. */
export function listChats(state: State): Handler<HttpEnv> {
  return (c) => {
    const query = c.req.query();
    const paging = decodePaging(query, "asc");
    const page = stateOf(c, state).chats.page({ ...paging, model: query.model, metadata: decodeMetadataFilter(query) });
    if (page === undefined) {
      throw afterNotFound(paging.after);
    }
    return c.json(encodeList(page.data.map(encodeKeptChat), page.hasMore));
  };
}

/** `GET /v1/chat/completions/{id}` */
export function showChat(state: State): Handler<HttpEnv> {
  return (c) => c.json(encodeKeptChat(find(c, state)));
}

/** `POST /v1/chat/completions/{id}`: replaces the metadata. */
export function updateChat(state: State): Handler<HttpEnv> {
  return async (c) => {
    const { id } = find(c, state);
    stateOf(c, state).chats.setMetadata(id, JSON.stringify(decodeMetadataUpdate(await readJson(c))));
    return c.json(encodeKeptChat(find(c, state)));
  };
}

/** `DELETE /v1/chat/completions/{id}` */
export function deleteChat(state: State): Handler<HttpEnv> {
  return (c) => {
    const { id } = find(c, state);
    stateOf(c, state).chats.remove(id);
    return c.json({ id, object: "chat.completion.deleted", deleted: true });
  };
}

/** `GET /v1/chat/completions/{id}/messages`: lists the messages of the request, oldest first by default. */
export function listChatMessages(state: State): Handler<HttpEnv> {
  return (c) => {
    const { id, messages } = find(c, state);
    const { limit, order, after } = decodePaging(c.req.query(), "asc");
    const all = encodeKeptMessages(id, messages);
    const ordered = order === "asc" ? all : all.toReversed();
    const first = after === undefined ? 0 : ordered.findIndex((message) => message.id === after) + 1;
    if (after !== undefined && first === 0) {
      throw afterNotFound(after);
    }
    return c.json(encodeList(ordered.slice(first, first + limit), first + limit < ordered.length));
  };
}

function find(c: Context<HttpEnv>, state: State): ChatRecord {
  const id = c.req.param("id") ?? "";
  const record = stateOf(c, state).chats.get(id);
  if (record === undefined) {
    throw new HttpError(
      404,
      `Completion with id '${id}' not found. Only completions that were created with 'store' set to true can be found.`,
      null,
    );
  }
  return record;
}
