import type {
  TextAnswer,
  VocabularyHostMessage,
  VocabularyWorkerMessage,
} from "../../../src/engine/contract/messages.ts";
import { FakeChild } from "./fake-worker.ts";

/** The worker of a process for long texts. */
export class FakeVocabularyWorker extends FakeChild<VocabularyHostMessage, VocabularyWorkerMessage> {
  load(): void {
    this.say({ type: "loaded", info: { vocabularySize: 100 } });
  }

  /** Answers the latest question. */
  answer(answer: TextAnswer): void {
    this.say({ type: "answer", id: this.queries.at(-1)?.id ?? 0, answer });
  }

  get queries(): Extract<VocabularyHostMessage, { type: "query" }>[] {
    return this.sent.filter((message) => message.type === "query");
  }
}
