import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import type {
  TextAnswer,
  VocabularyHostMessage,
  VocabularyWorkerMessage,
} from "../../../src/engine/contract/messages.ts";
import type { WorkerChild } from "../../../src/engine/host/worker-child.ts";

/** A process for long texts that is none: it remembers what the host sent, and says and suffers what the test tells it. */
export class FakeVocabularyWorker extends EventEmitter implements WorkerChild<VocabularyHostMessage> {
  readonly pid = 9;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sent: VocabularyHostMessage[] = [];
  connected = true;
  dead = false;

  send(message: VocabularyHostMessage): boolean {
    this.sent.push(structuredClone(message));
    return true;
  }

  disconnect(): void {
    this.connected = false;
    queueMicrotask(() => this.die(0, null));
  }

  kill(signal: "SIGKILL"): boolean {
    queueMicrotask(() => this.die(null, signal));
    return true;
  }

  say(message: VocabularyWorkerMessage): void {
    this.emit("message", structuredClone(message));
  }

  load(): void {
    this.say({ type: "loaded" });
  }

  /** Answers the latest question. */
  answer(answer: TextAnswer): void {
    this.say({ type: "answer", id: this.queries.at(-1)?.id ?? 0, answer });
  }

  die(exitCode: number | null = null, signal: string | null = "SIGSEGV"): void {
    if (this.dead) return;
    this.dead = true;
    this.connected = false;
    this.emit("exit", exitCode, signal);
    this.emit("close", exitCode, signal);
  }

  get queries(): Extract<VocabularyHostMessage, { type: "query" }>[] {
    return this.sent.filter((message) => message.type === "query");
  }
}
