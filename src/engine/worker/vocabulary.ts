/**
 * The process that runs queries about long texts. It loads a model's vocabulary and template without the weights, runs one query after
 * another, and exits when the channel to the gateway closes. Its messages are declared in `../contract/messages.ts`.
 */

import type { VocabularyHostMessage, VocabularyOptions, VocabularyWorkerMessage } from "../contract/messages.ts";
import { loadVocabulary } from "../llama/vocabulary.ts";
import { loadModelFor, parseHostMessage, sendToHost, serveHost } from "./child.ts";
import { createPromptReader } from "./prompt-reader.ts";
import { runQuery } from "./text-queries.ts";

const send: (message: VocabularyWorkerMessage) => void = sendToHost;

async function serve({ contextTokens, ...options }: VocabularyOptions): Promise<void> {
  const vocabulary = await loadModelFor((log) => loadVocabulary(options, log));
  if (vocabulary === undefined) return;
  const readPrompt = createPromptReader({ ...vocabulary, contextTokens });
  const context = { ...vocabulary, readPrompt, heldTokens: () => 0 };
  process.on("message", (text) => {
    const message = parseHostMessage<VocabularyHostMessage>(text);
    if (message.type !== "query") return;
    send({ type: "result", id: message.id, result: runQuery(message.query, context) });
  });
  send({ type: "loaded", info: { vocabularySize: vocabulary.tokenizer.vocabularySize } });
}

serveHost(parseHostMessage<VocabularyHostMessage>, serve);
