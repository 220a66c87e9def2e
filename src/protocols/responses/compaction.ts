import { InvalidRequestError } from "../errors.ts";
import { newId } from "./ids.ts";
import type { Compaction, InputMessage, Item, OutputMessage, ReadableItem } from "./items.ts";

/** Encrypts and decrypts summaries. */
export type SummarySeal = {
  readonly seal: (text: string) => string;
  /** Undefined if this server didn't seal it, or if it was changed. */
  readonly unseal: (sealed: string) => string | undefined;
};

/** A user's request for the summary. Many templates need alternating turns, so the summary must answer a message. */
const QUESTION = "Summarize our conversation so far.";

/** Creates an item that holds a sealed summary. */
export function newCompaction(summary: string, { seal }: SummarySeal): Compaction {
  return { id: newId("cmp"), type: "compaction", encrypted_content: seal(summary) };
}

/** Returns the summary of a compaction. Throws `InvalidRequestError` if this server can't read it. */
export function readCompaction({ id, encrypted_content }: Compaction, { unseal }: SummarySeal): string {
  const summary = unseal(encrypted_content);
  if (summary === undefined) {
    throw new InvalidRequestError(
      `The compaction item '${id}' can't be read: its 'encrypted_content' is from another server, or was changed. ` +
        "Send the original conversation instead, or leave the item out.",
      "input",
      "unsupported_value",
    );
  }
  return summary;
}

/**
 * Replaces each compaction in `items` with a question and the summary as its answer. The user messages directly before a compaction
 * become part of the question. Throws `InvalidRequestError` for a compaction that this server can't read.
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

/** The messages that a compaction keeps: those of users, the system and developers. */
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
