import { z } from "zod";
import { model, modelList } from "../../../protocols/openai-responses.ts";
import type { Operation } from "../operation.ts";

const ABOUT_ANTHROPIC = "Requests with the header `anthropic-version` get Anthropic's form, errors too.";

export const listModels: Operation = {
  method: "get",
  path: "/v1/models",
  id: "listModels",
  tag: "Models",
  summary: "Lists the served models",
  description: ABOUT_ANTHROPIC,
  answers: {
    200: {
      description: "All models, in the order of the settings.",
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
  description: ABOUT_ANTHROPIC,
  parameters: [
    {
      name: "id",
      in: "path",
      description: "An id or alias, in upper or lower case. Slashes and colons may be percent-encoded.",
      schema: z.string(),
      isGreedy: true,
    },
  ],
  answers: { 200: { description: "The model.", content: { "application/json": { name: "Model", schema: model } } } },
  errors: [403, 404],
};
