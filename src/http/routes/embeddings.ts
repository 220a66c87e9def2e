import type { Handler } from "hono";
import { decodeEmbeddingsRequest } from "../../protocols/embeddings/decode.ts";
import { encodeEmbeddings } from "../../protocols/embeddings/encode.ts";
import { refusalError } from "../../protocols/embeddings/refusal.ts";
import type { HttpEnv } from "../context.ts";
import { answerWithVectors, type EmbeddingDeps } from "../embedding.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";

/** `POST /v1/embeddings` */
export function embeddings({ models, embed }: EmbeddingDeps): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const request = decodeEmbeddingsRequest(await readJson(c));
    const model = chooseModel(c, models, request.model, "embeddings");
    return answerWithVectors(c, {
      embed,
      model,
      work: request.work,
      connection,
      describeRefusal: (index, refusal) =>
        refusalError(refusal, request.isList ? `input[${index}]` : "input", model.id),
      encode: (result) => encodeEmbeddings(request, model.id, result),
    });
  };
}
