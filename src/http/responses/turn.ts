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

/** Items that one response, or one conversation, may be made of. */
export const MAX_TURN_ITEMS = 10_000;

/** What a response is made of, everything looked up. */
export type Turn = {
  /** What was said before, by the response or conversation that it goes on from. */
  readonly context: readonly StoredItem[];
  readonly input: readonly StoredItem[];
  /** Both, in order. */
  readonly items: readonly Item[];
  /** The same, as a model can read it: what was compacted is opened. */
  readonly readable: readonly ReadableItem[];
};

/** What says of a request where it goes on from. */
export type TurnRequest = Pick<ResponsesRequest, "input" | "previousResponseId" | "conversationId">;

type Kept = { readonly stored: StoredItem; readonly item: Item };

/**
 * Looks up what `request` refers to. Throws `InvalidRequestError` for a response that is not there or still runs and for items that are
 * there twice, and a 404 for a conversation or item that is not there.
 */
export function loadTurn(state: TenantState, request: TurnRequest): Turn {
  const context = loadContext(state, request).map((stored) => ({ stored, item: parseKeptItem(stored.body) }));
  const input = resolveItems(state, request.input);
  const all = [...context, ...input];
  refuseDuplicates(all);
  if (all.length > MAX_TURN_ITEMS) {
    throw new InvalidRequestError(
      `This response would be made of ${all.length} items, and ${MAX_TURN_ITEMS} is the most. Begin a new conversation.`,
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
 * Items to be kept, each reference replaced by what it refers to. Throws a 404 for one that refers to nothing, and `InvalidRequestError` for
 * a compaction that can't be read here.
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

/** What the model is shown of `items`. Throws `InvalidRequestError` where calls and results don't pair. */
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
