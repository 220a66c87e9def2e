/**
 * The process that makes embeddings: loads one model and makes one vector after another. It speaks the messages of
 * `../contract/embedding-messages.ts` with the gateway and ends when the gateway lets go of it, however that comes about.
 */
import { setInterval } from "node:timers";
import type { EmbeddingItem } from "../../generation/embedding.ts";
import type { EmbedderHostMessage, EmbedderOptions, EmbedderWorkerMessage } from "../contract/embedding-messages.ts";
import { type LoadedEmbedder, loadEmbedder } from "../llama/embedder.ts";

const HEARTBEAT_MS = 500;

function send(message: EmbedderWorkerMessage): void {
  // The channel may close under us when the gateway is killed; "disconnect" then ends the process.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

async function serve(options: EmbedderOptions): Promise<void> {
  const embedder = await loadEmbedder(options, (level, message) => send({ type: "log", level, message })).catch(
    (error) => {
      send({ type: "loadFailed", reason: messageOf(error).replace(/\.$/, "") });
      process.disconnect();
      return undefined;
    },
  );
  if (embedder === undefined) return;

  const cancelled = new Set<number>();
  let earlier: Promise<void> = Promise.resolve();
  process.on("message", (message: EmbedderHostMessage) => {
    if (message.type === "cancel") cancelled.add(message.id);
    if (message.type !== "embed") return;
    const { id, item } = message;
    earlier = earlier
      .then(() => embed(embedder, id, item, cancelled))
      .catch((error) => {
        // A native call that failed leaves the context in an unknown state: dying is the way to a clean one.
        console.error(error);
        process.exit(1);
      });
  });
  setInterval(() => {
    const { decodingSince } = embedder;
    send({ type: "heartbeat", decodingForMs: decodingSince === undefined ? 0 : performance.now() - decodingSince });
  }, HEARTBEAT_MS);
  send({ type: "loaded", info: embedder.info });
}

async function embed(embedder: LoadedEmbedder, id: number, item: EmbeddingItem, cancelled: Set<number>): Promise<void> {
  const tokens = embedder.encode(item);
  if ("code" in tokens) {
    send({ type: "refused", id, refusal: tokens });
    return;
  }
  const vector = await embedder.evaluate(tokens, () => cancelled.has(id));
  // The host has one item here at a time: what was cancelled before this answer is of no more interest.
  cancelled.clear();
  send(vector === undefined ? { type: "cancelled", id } : { type: "embedded", id, vector, tokens: tokens.length });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Ctrl-C reaches the whole process group: how this process ends is the gateway's to say, after its requests are finished.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));
process.once("message", (message: EmbedderHostMessage) => {
  if (message.type === "load") void serve(message.options);
});
