import { InvalidRequestError } from "../errors.ts";
import { newId } from "./ids.ts";
import type { Compaction, InputMessage, Item, OutputMessage, ReadableItem } from "./items.ts";

/** What closes a summary, and opens it again. */
export type SummarySeal = {
  readonly seal: (text: string) => string;
  /** Undefined where it is not this server's, or was changed. */
  readonly unseal: (sealed: string) => string | undefined;
};

/** With this a user could have asked for the summary. A summary without a question would break the turns that many templates insist on. */
const QUESTION = "Summarize our conversation so far.";

/** An item that stands for all that `summary` tells. */
export function newCompaction(summary: string, { seal }: SummarySeal): Compaction {
  return { id: newId("cmp"), type: "compaction", encrypted_content: seal(summary) };
}

/** The summary that `item` stands for. Throws `InvalidRequestError` where it can't be read here. */
export function readCompaction({ id, encrypted_content }: Compaction, { unseal }: SummarySeal): string {
  const summary = unseal(encrypted_content);
  if (summary === undefined) {
    throw new InvalidRequestError(
      `The compaction item '${id}' can't be read here: its 'encrypted_content' is another server's, or was changed. ` +
        "Send the conversation that it stands for, or leave it out.",
      "input",
      "unsupported_value",
    );
  }
  return summary;
}

/**
 * `items` with a question and its answer, the summary, in place of each compaction. The user's messages right before one are part of that
 * question. Throws `InvalidRequestError` for a compaction that can't be read here.
 */
export function openCompactions(items: readonly Item[], seal: SummarySeal): readonly ReadableItem[] {
  const readable: ReadableItem[] = [];
  for (const item of items) {
    if (item.type === "compaction") {
      const before = readable.splice(readable.findLastIndex((candidate) => !isUsers(candidate)) + 1).filter(isUsers);
      readable.push(ask(before), answer(item.id, readCompaction(item, seal)));
    } else {
      readable.push(item);
    }
  }
  return readable;
}

/** The messages that a compaction leaves as they are: what users said and what the model was told, as against what it did. */
export function messagesToKeep(items: readonly Item[]): readonly InputMessage[] {
  return items.filter((item) => item.type === "message").filter((message) => message.role !== "assistant");
}

function isUsers(item: ReadableItem): item is InputMessage {
  return item.type === "message" && item.role === "user";
}

function ask(before: readonly InputMessage[]): InputMessage {
  return {
    id: newId("msg"),
    type: "message",
    status: "completed",
    role: "user",
    content: [...before.flatMap(({ content }) => content), { type: "input_text", text: QUESTION }],
  };
}

function answer(id: string, text: string): OutputMessage {
  return {
    id,
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
  };
}
