import { z } from "zod";
import { MAX_INPUTS, MAX_TEXT_LENGTH } from "../embeddings/schema.ts";
import { boolean, integer, modelName, string } from "../fields.ts";

const document = z.union(
  [string(MAX_TEXT_LENGTH), z.object({ text: string(MAX_TEXT_LENGTH) }, { error: "an object" })],
  { error: "a string or an object with a text" },
);

/** The supported fields of `POST /v1/rerank`, in the form of Jina and Cohere. Unknown fields are ignored, and `null` counts as absent. */
export const rerankRequestSchema = z.object(
  {
    model: modelName("The id or an alias of a reranking model."),
    query: string(MAX_TEXT_LENGTH).min(1).describe("The query to rank the documents by."),
    documents: z
      .array(document, { error: "an array of strings or objects with a text" })
      .min(1)
      .max(MAX_INPUTS)
      .describe("The documents to rank: strings, or objects with a text."),
    top_n: integer(1, Number.MAX_SAFE_INTEGER)
      .nullish()
      .describe("The number of best results to return; all by default."),
    return_documents: boolean().nullish().describe("Whether each result repeats its document."),
  },
  { error: "an object" },
);
