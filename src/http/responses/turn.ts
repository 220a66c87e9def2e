import type { Prompt } from "../../generation/request.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { openCompactions, readCompaction } from "../../protocols/responses/compaction.ts";
import type { ResponsesRequest } from "../../protocols/responses/decode.ts";
import { formatItem, parseKeptItem } from "../../protocols/responses/decode-items.ts";
import type { Item, ItemReference, ReadableItem } from "../../protocols/responses/items.ts";
import { toMessages } from "../../protocols/responses/to-messages.ts";
import type { StoredItem } from "../../store/items.ts";
import type { TenantState } from "../../store/state.ts";
import { HttpError } from "../errors.ts";

/** The maximum number of items in a response or a conversation. */
export const MAX_TURN_ITEMS = 10_000;

/** The input of a response, with all references resolved. */
export type Turn = {
  /** The items of the earlier response or of the conversation. */
  readonly context: readonly StoredItem[];
  readonly input: readonly StoredItem[];
  /** The context and the new items, in order. */
  readonly items: readonly Item[];
  /** The same for the model, with compactions opened. */
  readonly readable: readonly ReadableItem[];
};

/** The fields of a request that name its items. */
export type TurnRequest = Pick<ResponsesRequest, "input" | "previousResponseId" | "conversationId">;

type Kept = { readonly stored: StoredItem; readonly item: Item };

/**
 * Resolves the references of `request`. Throws `InvalidRequestError` if the earlier response is missing or still running, or if an item is
 * there twice, and a 404 for a missing conversation or item.
 */
export function loadTurn(state: TenantState, request: TurnRequest): Turn {
  const context = loadContext(state, request).map((stored) => ({ stored, item: parseKeptItem(stored.body) }));
  const input = resolveItems(state, request.input);
  const all = [...context, ...input];
  refuseDuplicates(all);
  if (all.length > MAX_TURN_ITEMS) {
    throw new InvalidRequestError(
      `This response would have ${all.length} items. The maximum is ${MAX_TURN_ITEMS}. Start a new conversation.`,
      "input",
      "array_above_max_length",
    );
  }
  const items = all.map(({ item }) => item);
  return {
    context: context.map(({ stored }) => stored),
    input: input.map(({ stored }) => stored),
    items,
    readable: openCompactions(items, state.seal),
  };
}

/**
 * Returns the items to store, with references replaced by their items. Throws a 404 for a reference to nothing, and `InvalidRequestError`
 * for a compaction that can't be read here.
 */
export function resolveItems(state: TenantState, items: readonly (Item | ItemReference)[]): Kept[] {
  return items.map((item) => {
    if (item.type !== "item_reference") {
      if (item.type === "compaction") readCompaction(item, state.seal);
      return { stored: { seq: undefined, id: item.id, body: formatItem(item) }, item };
    }
    const stored = state.responses.findItem(item.id);
    if (stored === undefined) {
      throw new HttpError(
        404,
        `Item with id '${item.id}' not found. Items are not persisted when 'store' is set to false. ` +
          "Try again with 'store' set to true, or remove this item from your input.",
        null,
      );
    }
    return { stored, item: parseKeptItem(stored.body) };
  });
}

/** Makes the prompt from `items`. Throws `InvalidRequestError` if calls and results don't match. */
export function toPrompt(request: ResponsesRequest, items: readonly ReadableItem[]): Extract<Prompt, { type: "chat" }> {
  const { instructions, templateArguments } = request;
  return {
    type: "chat",
    messages: toMessages(instructions, items),
    ...(templateArguments === undefined ? {} : { templateArguments }),
  };
}

function loadContext(state: TenantState, { previousResponseId, conversationId }: TurnRequest): readonly StoredItem[] {
  if (previousResponseId !== undefined) {
    const previous = state.responses.get(previousResponseId);
    if (previous === undefined) {
      throw new InvalidRequestError(
        `Previous response with id '${previousResponseId}' not found.`,
        "previous_response_id",
        "previous_response_not_found",
      );
    }
    if (previous.status === "queued" || previous.status === "in_progress") {
      throw new InvalidRequestError(
        `Previous response with id '${previousResponseId}' is still running. Wait until it has ended.`,
        "previous_response_id",
        "previous_response_in_progress",
      );
    }
    return state.responses.items(previousResponseId);
  }
  if (conversationId === undefined) {
    return [];
  }
  if (state.conversations.get(conversationId) === undefined) {
    throw conversationNotFound(conversationId);
  }
  return state.conversations.items(conversationId);
}

export function conversationNotFound(id: string): HttpError {
  return new HttpError(404, `Conversation with id '${id}' not found.`, null);
}

function refuseDuplicates(items: readonly Kept[]): void {
  const seen = new Set<string>();
  for (const { item } of items) {
    if (seen.has(item.id)) {
      throw new InvalidRequestError(
        `Duplicate item found with id ${item.id}. Remove duplicate items from your input and try again.`,
        "input",
        null,
      );
    }
    seen.add(item.id);
  }
}
