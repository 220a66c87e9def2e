import { z } from "zod";
import { model, modelList } from "../../../protocols/openai-responses.ts";
import type { Operation } from "../operation.ts";

export const listModels: Operation = {
  method: "get",
  path: "/v1/models",
  id: "listModels",
  tag: "Models",
  summary: "Lists the models that are served",
  answers: {
    200: {
      description: "All models, in the order in which they were given.",
      content: { "application/json": { name: "ModelList", schema: modelList } },
    },
  },
  errors: [],
};

export const retrieveModel: Operation = {
  method: "get",
  path: "/v1/models/{id}",
  id: "retrieveModel",
  tag: "Models",
  summary: "Shows one model",
  parameters: [
    {
      name: "id",
      in: "path",
      description: "An id or alias, in any case of letters. It may hold slashes and colons, percent-encoded or not.",
      schema: z.string(),
    },
  ],
  answers: { 200: { description: "The model.", content: { "application/json": { name: "Model", schema: model } } } },
  errors: [404],
};
