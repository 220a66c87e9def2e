import { z } from "zod";
import { chooseModel } from "./models.ts";
import { answer, defineTool, MAX_TEXT_LENGTH, modelName, text } from "./tool.ts";

/** A vector has some kilobytes as text. */
const MAX_TEXTS = 64;
const MAX_DOCUMENTS = 1_024;

const embeddingList = z.object({
  model: z.string(),
  data: z.array(z.object({ embedding: z.array(z.number()) })),
});

const ranking = z.object({ results: z.array(z.object({ index: z.int(), relevance_score: z.number() })) });

/** `embed`: turns texts into vectors. */
export const embed = defineTool({
  name: "embed",
  title: "Embed texts",
  description: "Turns texts into vectors, by which programs can compare them. For comparing a few texts, use rerank.",
  capability: "embeddings",
  inputSchema: z.strictObject({
    texts: z.array(text).min(1).max(MAX_TEXTS).describe("The texts."),
    model: modelName.optional(),
  }),
  async run({ texts, model: named }, { door, signal, report }) {
    const model = named ?? (await chooseModel(door, "embeddings"));
    report("waiting for the vectors");
    const { data } = embeddingList.parse(await door.post("/v1/embeddings", { model, input: texts }, signal));
    const vectors = data.map(({ embedding }) => embedding);
    return answer(JSON.stringify(vectors), { model, vectors });
  },
});

/** `rerank`: sorts documents by how well they answer a query. */
export const rerank = defineTool({
  name: "rerank",
  title: "Rank documents",
  description: "Sorts documents by how well they answer a query, the best first.",
  capability: "rerank",
  inputSchema: z.strictObject({
    query: text.describe("The query."),
    documents: z.array(text).min(1).max(MAX_DOCUMENTS).describe("The documents."),
    top: z.int().min(1).max(MAX_DOCUMENTS).optional().describe("Only so many of the best."),
    model: modelName.optional(),
  }),
  async run({ query, documents, top, model: named }, { door, signal, report }) {
    const model = named ?? (await chooseModel(door, "rerank"));
    report("waiting for the ranking");
    const body = { model, query, documents, ...(top !== undefined && { top_n: top }) };
    const { results } = ranking.parse(await door.post("/v1/rerank", body, signal));
    const ranked = results.map(({ index, relevance_score: score }) => ({ index, score }));
    const lines = ranked.map(
      ({ index, score }) => `${score.toFixed(4)} [${index}] ${firstLine(documents[index] ?? "")}`,
    );
    return answer(lines.join("\n"), { model, results: ranked });
  },
});

const MAX_SHOWN = 200;

function firstLine(document: string): string {
  const [line = ""] = document.slice(0, MAX_TEXT_LENGTH).trimStart().split("\n", 1);
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}
