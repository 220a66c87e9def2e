import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import type {
  EngineInfo,
  HostMessage,
  SequenceRequest,
  SequenceUpdate,
  WorkerMessage,
} from "../../../src/engine/contract/messages.ts";
import type { WorkerChild } from "../../../src/engine/host/worker-child.ts";

export const INFO: EngineInfo = {
  slots: 4,
  contextTokens: 2048,
  trainContextTokens: 2048,
  vocabularySize: 100,
  embeddingSize: 8,
  description: "fake",
  parameters: 1,
  chatTemplate: "{{ messages }}",
  canInfill: false,
  device: "cpu",
  threads: 2,
};

let lastPid = 1000;

/** A child without a process: it remembers what the host sent, and says and suffers what the test tells it. */
export class FakeChild<Sent, Said> extends EventEmitter implements WorkerChild<Sent> {
  readonly pid: number | undefined;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sent: Sent[] = [];
  readonly killedWith: string[] = [];
  connected = true;
  dead = false;
  /** False: it neither exits when the channel closes nor dies when it is killed, until the test says so. */
  obedient = true;

  constructor(pid: number | undefined = ++lastPid) {
    super();
    this.pid = pid;
  }

  send(message: Sent, callback: (error: Error | null) => void): boolean {
    if (!this.connected) {
      queueMicrotask(() => callback(new Error("channel closed")));
      return false;
    }
    this.sent.push(structuredClone(message));
    return true;
  }

  disconnect(): void {
    this.connected = false;
    if (this.obedient) queueMicrotask(() => this.die(0, null));
  }

  kill(signal: "SIGKILL"): boolean {
    this.killedWith.push(signal);
    if (this.obedient) queueMicrotask(() => this.die(null, signal));
    return true;
  }

  say(message: Said): void {
    this.emit("message", structuredClone(message));
  }

  die(exitCode: number | null = null, signal: string | null = "SIGABRT"): void {
    if (this.dead) return;
    this.dead = true;
    this.connected = false;
    this.emit("exit", exitCode, signal);
    this.emit("close", exitCode, signal);
  }
}

/** An engine's worker. */
export class FakeWorker extends FakeChild<HostMessage, WorkerMessage> {
  load(info: EngineInfo = INFO): void {
    this.say({ type: "loaded", info });
  }

  step(...updates: readonly SequenceUpdate[]): void {
    this.say({ type: "step", updates });
  }

  /** The sequences that the host submitted, in order. */
  get submitted(): SequenceRequest[] {
    return this.sent.flatMap((message) => (message.type === "submit" ? [message.sequence] : []));
  }

  /** The questions that the host asked, in order. */
  get queries(): Extract<HostMessage, { type: "query" }>[] {
    return this.sent.filter((message) => message.type === "query");
  }

  get cancelled(): number[] {
    return this.sent.flatMap((message) => (message.type === "cancel" ? [message.id] : []));
  }
}
