import type { Handler } from "hono";
import { NotSupportedByModelError } from "../../generation/errors.ts";
import { refusalError } from "../../protocols/embeddings/refusal.ts";
import { decodeRerankRequest } from "../../protocols/rerank/decode.ts";
import { encodeRanking } from "../../protocols/rerank/encode.ts";
import type { HttpEnv } from "../context.ts";
import { answerWithVectors, type EmbeddingDeps } from "../embedding.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";

/** `POST /v1/rerank`, also at `/rerank`. */
export function rerank({ models, embed }: EmbeddingDeps): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const request = decodeRerankRequest(await readJson(c));
    const model = chooseModel(c, models, request.model, "rerank");
    if (!model.can.reranking) throw new NotSupportedByModelError(model.id, "reranking");
    return answerWithVectors(c, {
      embed,
      model,
      work: request.work,
      connection,
      describeRefusal: (index, refusal) => refusalError(refusal, `documents[${index}]`, model.id),
      encode: (result) => encodeRanking(request, model.id, result),
    });
  };
}
