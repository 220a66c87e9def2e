/**
 * The process that answers questions about long texts: loads a model's vocabulary and template, nothing of its weights, and answers one
 * question after another. It speaks its part of `../contract/messages.ts` with the gateway and ends when the gateway lets go of it, however that
 * comes about.
 */

import type { VocabularyHostMessage, VocabularyOptions, VocabularyWorkerMessage } from "../contract/messages.ts";
import { loadVocabulary } from "../llama/vocabulary.ts";
import { answerQuery } from "./answer.ts";
import { createPromptReader } from "./prompt-reader.ts";
import { parseHostMessage } from "./receive.ts";

function send(message: VocabularyWorkerMessage): void {
  // The channel may close under us when the gateway is killed; "disconnect" then ends the process.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

async function serve({ contextTokens, ...options }: VocabularyOptions): Promise<void> {
  const vocabulary = await loadVocabulary(options, (level, message) => send({ type: "log", level, message })).catch(
    (error) => {
      send({ type: "loadFailed", reason: messageOf(error).replace(/\.$/, "") });
      process.disconnect();
      return undefined;
    },
  );
  if (vocabulary === undefined) return;
  const readPrompt = createPromptReader({ ...vocabulary, contextTokens });
  const knowledge = { ...vocabulary, readPrompt, heldTokens: () => 0 };
  process.on("message", (text) => {
    const message = parseHostMessage<VocabularyHostMessage>(text);
    if (message.type !== "query") return;
    send({ type: "answer", id: message.id, answer: answerQuery(message.query, knowledge) });
  });
  send({ type: "loaded" });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Ctrl-C reaches the whole process group: how this process ends is the gateway's to say, after its requests are finished.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));
process.once("message", (text) => {
  const message = parseHostMessage<VocabularyHostMessage>(text);
  if (message.type === "load") void serve(message.options);
});
