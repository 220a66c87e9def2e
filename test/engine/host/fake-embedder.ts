import type {
  EmbedderHostMessage,
  EmbedderInfo,
  EmbedderWorkerMessage,
} from "../../../src/engine/contract/embedding-messages.ts";
import { createEmbedder } from "../../../src/engine/host/embedder.ts";
import type { SupervisionPolicy } from "../../../src/engine/host/policy.ts";
import type { EmbeddingItem, EmbeddingRequest } from "../../../src/generation/embedding.ts";
import { createFakeClock } from "../../fake-clock.ts";
import { FakeChild } from "./fake-worker.ts";
import { at, createLogSpy } from "./helpers.ts";

const INFO: EmbedderInfo = {
  pooling: "mean",
  dimensions: 2,
  contextTokens: 64,
  vocabularySize: 100,
  device: "cpu",
  threads: 2,
};

/** The worker of an embedder. */
class FakeEmbeddingWorker extends FakeChild<EmbedderHostMessage, EmbedderWorkerMessage> {
  load(info: Partial<EmbedderInfo> = {}): void {
    this.say({ type: "loaded", info: { ...INFO, ...info } });
  }

  /** What it was asked for, in order. */
  get asked(): { readonly id: number; readonly item: EmbeddingItem }[] {
    return this.sent.flatMap((message) => (message.type === "embed" ? [message] : []));
  }

  get askedTexts(): string[] {
    return this.asked.map(({ item }) => (item.type === "text" ? item.text : item.type));
  }

  /** Answers what it was asked last. */
  answer(...vector: number[]): void {
    this.say({ type: "embedded", id: at(this.asked, -1).id, vector: Float32Array.from(vector), tokens: 3 });
  }
}

/** An embedder over fake workers and a fake clock. */
export function createEmbedderBench(policy: Partial<SupervisionPolicy> = {}) {
  const clock = createFakeClock();
  const { logger, lines } = createLogSpy();
  const workers: FakeEmbeddingWorker[] = [];
  const embedder = createEmbedder({
    options: {
      modelPath: "/models/fake.gguf",
      contextTokens: "auto",
      threads: "auto",
      gpu: "off",
      flashAttention: "auto",
    },
    logger,
    clock,
    policy,
    spawn() {
      const worker = new FakeEmbeddingWorker();
      workers.push(worker);
      return worker;
    },
  });
  return {
    embedder,
    clock,
    lines,
    workers,
    get worker() {
      return at(workers, -1);
    },
  };
}

/** A request for the vectors of `texts`. */
export function texts(values: readonly string[], given: Partial<EmbeddingRequest> = {}): EmbeddingRequest {
  return {
    id: "req-1",
    model: "fake",
    items: values.map((text) => ({ type: "text", text })),
    dimensions: undefined,
    signal: new AbortController().signal,
    ...given,
  };
}
