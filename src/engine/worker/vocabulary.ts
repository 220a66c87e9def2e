/**
 * The process that answers questions about long texts: loads a model's vocabulary and template, nothing of its weights, and answers one
 * question after another. It speaks its part of `../contract/messages.ts` with the gateway and ends when the gateway lets go of it, however that
 * comes about.
 */

import type { VocabularyHostMessage, VocabularyOptions, VocabularyWorkerMessage } from "../contract/messages.ts";
import { loadVocabulary } from "../llama/vocabulary.ts";
import { answerQuery } from "./answer.ts";
import { loadModelFor, parseHostMessage, sendToHost, serveHost } from "./child.ts";
import { createPromptReader } from "./prompt-reader.ts";

const send: (message: VocabularyWorkerMessage) => void = sendToHost;

async function serve({ contextTokens, ...options }: VocabularyOptions): Promise<void> {
  const vocabulary = await loadModelFor((log) => loadVocabulary(options, log));
  if (vocabulary === undefined) return;
  const readPrompt = createPromptReader({ ...vocabulary, contextTokens });
  const knowledge = { ...vocabulary, readPrompt, heldTokens: () => 0 };
  process.on("message", (text) => {
    const message = parseHostMessage<VocabularyHostMessage>(text);
    if (message.type !== "query") return;
    send({ type: "answer", id: message.id, answer: answerQuery(message.query, knowledge) });
  });
  send({ type: "loaded", info: { vocabularySize: vocabulary.tokenizer.vocabularySize } });
}

serveHost(parseHostMessage<VocabularyHostMessage>, serve);
