import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Rank, rankByTheirWords } from "../../assist/search.ts";
import { openVectorStore } from "../../assist/vector-store.ts";
import { rankByMeaning } from "../../assist/vectors.ts";
import { escapeControls } from "../controls.ts";
import { RefusedError } from "../errors.ts";
import type { Embedder } from "./answerer.ts";
import type { Work } from "./assist.ts";

/** A text with more tokens than the model for embeddings takes is halved, so often at most. */
const MAX_HALVINGS = 3;

/** How the repository is searched: by meaning where the gateway has a model for embeddings alone, else by words. */
export async function chooseRank({ repository, answerer: { embedder }, context }: Work): Promise<Rank> {
  if (embedder === undefined) return rankByTheirWords;
  const { stderr } = context;
  const name = createHash("sha256").update(embedder.version).digest("hex").slice(0, 16);
  const store = await openVectorStore(join(repository.stateFolder, "assist-vectors", name));
  const onProgress = (done: number, all: number) => {
    if (stderr.isTTY === true && all > 0) stderr.write(`\rIndexing: ${done} of ${all}${done === all ? "\n" : ""}`);
  };
  const rank = rankByMeaning((texts) => embedAll(embedder, texts), store, onProgress);
  return async (chunks, question) => {
    try {
      return await rank(chunks, question);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      stderr.write(
        `The search goes by words alone: ${escapeControls(embedder.model)}: ${escapeControls(error.message)}\n`,
      );
      return rankByTheirWords(chunks, question);
    }
  };
}

async function embedAll(embedder: Embedder, texts: readonly string[], halvings = 0): Promise<readonly Float32Array[]> {
  try {
    return await embedder.embed(texts);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== "context_length_exceeded" || halvings >= MAX_HALVINGS)
      throw error;
    return embedAll(
      embedder,
      texts.map((text) => text.slice(0, Math.ceil(text.length / 2))),
      halvings + 1,
    );
  }
}
