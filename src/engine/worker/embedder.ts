/**
 * The process that makes embeddings: loads one model and makes one vector after another. It exchanges the messages of
 * `../contract/embedding-messages.ts` with the gateway and exits when the channel to the gateway closes.
 */
import type { EmbeddingItem } from "../../generation/embedding.ts";
import type { EmbedderHostMessage, EmbedderOptions, EmbedderWorkerMessage } from "../contract/embedding-messages.ts";
import { type LoadedEmbedder, loadEmbedder } from "../llama/embedder.ts";
import { beat, die, loadModelFor, sendToHost, serveHost } from "./child.ts";

const send: (message: EmbedderWorkerMessage) => void = sendToHost;

async function serve(options: EmbedderOptions): Promise<void> {
  const embedder = await loadModelFor((log) => loadEmbedder(options, log));
  if (embedder === undefined) return;

  const cancelled = new Set<number>();
  let earlier: Promise<void> = Promise.resolve();
  process.on("message", (message: EmbedderHostMessage) => {
    if (message.type === "cancel") cancelled.add(message.id);
    if (message.type !== "embed") return;
    const { id, item } = message;
    earlier = earlier.then(() => embed(embedder, id, item, cancelled)).catch(die);
  });
  beat(embedder);
  send({ type: "loaded", info: embedder.info });
}

async function embed(embedder: LoadedEmbedder, id: number, item: EmbeddingItem, cancelled: Set<number>): Promise<void> {
  const tokens = embedder.encode(item);
  if ("code" in tokens) {
    send({ type: "refused", id, refusal: tokens });
    return;
  }
  const vector = await embedder.evaluate(tokens, () => cancelled.has(id));
  // The host sends one item at a time, so earlier cancels no longer matter.
  cancelled.clear();
  send(vector === undefined ? { type: "cancelled", id } : { type: "embedded", id, vector, tokens: tokens.length });
}

// Messages are not JSON, because they hold only numbers and texts.
serveHost((message) => message as EmbedderHostMessage, serve);
