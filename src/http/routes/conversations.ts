import type { Context, Handler } from "hono";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { decodePaging, encodeList } from "../../protocols/paging.ts";
import {
  decodeMetadataUpdate,
  decodeNewConversation,
  decodeNewItems,
  encodeConversation,
} from "../../protocols/responses/conversation.ts";
import { parseKeptItem } from "../../protocols/responses/decode-items.ts";
import type { ConversationRecord } from "../../store/conversations.ts";
import type { State, TenantState } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { conversationNotFound, MAX_TURN_ITEMS, resolveItems } from "../responses/turn.ts";
import { stateOf } from "../tenant.ts";
import { afterNotFound } from "./responses-stored.ts";

export type ConversationsDeps = {
  readonly state: State;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** `POST /v1/conversations` */
export function createConversation({ state, now }: ConversationsDeps): Handler<HttpEnv> {
  return async (c) => {
    const body = c.req.header("content-type") === undefined ? {} : await readJson(c);
    const { id, items, metadata } = decodeNewConversation(body);
    const record = { id, createdMs: now(), metadata: JSON.stringify(metadata) };
    const resolved = resolveItems(stateOf(c, state), items);
    refuseKnownItems(stateOf(c, state), id, resolved);
    stateOf(c, state).conversations.create(
      record,
      resolved.map(({ stored }) => stored),
    );
    return c.json(encodeConversation(record));
  };
}

/** `GET /v1/conversations/{id}` */
export function showConversation({ state }: ConversationsDeps): Handler<HttpEnv> {
  return (c) => c.json(encodeConversation(find(c, state)));
}

/** `POST /v1/conversations/{id}`: replaces the metadata. */
export function updateConversation({ state }: ConversationsDeps): Handler<HttpEnv> {
  return async (c) => {
    const { id } = find(c, state);
    stateOf(c, state).conversations.setMetadata(id, JSON.stringify(decodeMetadataUpdate(await readJson(c))));
    return c.json(encodeConversation(find(c, state)));
  };
}

/** `DELETE /v1/conversations/{id}` */
export function deleteConversation({ state }: ConversationsDeps): Handler<HttpEnv> {
  return (c) => {
    const { id } = find(c, state);
    stateOf(c, state).conversations.remove(id);
    return c.json({ id, object: "conversation.deleted", deleted: true });
  };
}

/** `POST /v1/conversations/{id}/items`. Answers with the new items. */
export function addConversationItems({ state }: ConversationsDeps): Handler<HttpEnv> {
  return async (c) => {
    const items = decodeNewItems(await readJson(c));
    const { id } = find(c, state);
    const added = resolveItems(stateOf(c, state), items);
    if (stateOf(c, state).conversations.countItems(id) + added.length > MAX_TURN_ITEMS) {
      throw new InvalidRequestError(
        `A conversation can hold at most ${MAX_TURN_ITEMS} items. Start a new one.`,
        "items",
        "array_above_max_length",
      );
    }
    refuseKnownItems(stateOf(c, state), id, added);
    stateOf(c, state).conversations.add(
      id,
      added.map(({ stored }) => stored),
    );
    return c.json(
      encodeList(
        added.map(({ item }) => item),
        false,
      ),
    );
  };
}

/** `GET /v1/conversations/{id}/items`: newest first by default. */
export function listConversationItems({ state }: ConversationsDeps): Handler<HttpEnv> {
  return (c) => {
    const { id } = find(c, state);
    const paging = decodePaging(c.req.query(), "desc");
    const page = stateOf(c, state).conversations.page(id, paging);
    if (page === undefined) {
      throw afterNotFound(paging.after);
    }
    return c.json(
      encodeList(
        page.data.map(({ body }) => parseKeptItem(body)),
        page.hasMore,
      ),
    );
  };
}

/** `GET /v1/conversations/{id}/items/{item}` */
export function showConversationItem({ state }: ConversationsDeps): Handler<HttpEnv> {
  return (c) => {
    const { id } = find(c, state);
    const itemId = c.req.param("item") ?? "";
    const item = stateOf(c, state).conversations.getItem(id, itemId);
    if (item === undefined) {
      throw itemNotFound(itemId, id);
    }
    return c.json(parseKeptItem(item.body));
  };
}

/** `DELETE /v1/conversations/{id}/items/{item}`. Answers with the conversation. */
export function deleteConversationItem({ state }: ConversationsDeps): Handler<HttpEnv> {
  return (c) => {
    const conversation = find(c, state);
    const itemId = c.req.param("item") ?? "";
    if (!stateOf(c, state).conversations.removeItem(conversation.id, itemId)) {
      throw itemNotFound(itemId, conversation.id);
    }
    return c.json(encodeConversation(conversation));
  };
}

function find(c: Context<HttpEnv>, state: State): ConversationRecord {
  const id = c.req.param("id") ?? "";
  const record = stateOf(c, state).conversations.get(id);
  if (record === undefined) {
    throw conversationNotFound(id);
  }
  return record;
}

function itemNotFound(id: string, conversationId: string): HttpError {
  return new HttpError(404, `Item with id '${id}' not found in conversation with id '${conversationId}'.`, null);
}

/** Refuses items whose ids are already in the conversation, or repeat. */
function refuseKnownItems(state: TenantState, id: string, added: ReturnType<typeof resolveItems>): void {
  const seen = new Set<string>();
  for (const { item } of added) {
    if (seen.has(item.id) || state.conversations.getItem(id, item.id) !== undefined) {
      throw new InvalidRequestError(
        `Duplicate item found with id ${item.id}. Remove duplicate items from your input and try again.`,
        "items",
        null,
      );
    }
    seen.add(item.id);
  }
}
