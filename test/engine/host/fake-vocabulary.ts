import type {
  QueryResult,
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
  answer(result: QueryResult): void {
    this.say({ type: "result", id: this.queries.at(-1)?.id ?? 0, result });
  }

  get queries(): Extract<VocabularyHostMessage, { type: "query" }>[] {
    return this.sent.filter((message) => message.type === "query");
  }
}
