import { streamLineSchema, streamQuerySchema, streamResultSchema } from "../../../protocols/items/query.ts";
import type { Operation } from "../operation.ts";
import { CHANGE_ERRORS } from "./shared.ts";

const { shape } = streamQuerySchema;

export const streamItems: Operation = {
  method: "post",
  path: "/v1/stream",
  id: "streamItems",
  tag: "Items",
  summary: "Answers items as they come, on one connection",
  description:
    "Lines of JSON in, lines of JSON out. Each item is a request of its own; its result has its `id`. Blank lines are signs of life. " +
    "The last line says why the stream has ended.",
  parameters: [
    { name: "preset", in: "query", description: "The preset that answers all items.", schema: shape.preset },
    {
      name: "endpoint",
      in: "query",
      description: "Where the items' requests are sent; `/v1/chat/completions` by default.",
      schema: shape.endpoint,
    },
    {
      name: "order",
      in: "query",
      description: "`completion`: results come as they are ready, by default. `input`: in the order of the items.",
      schema: shape.order,
    },
    { name: "in_flight", in: "query", description: "Items in flight at once; 8 by default.", schema: shape.in_flight },
    {
      name: "class",
      in: "query",
      description: "The class of the requests, unless the key's is lower; `batch` by default.",
      schema: shape.class,
    },
    {
      name: "idle_seconds",
      in: "query",
      description:
        "The stream ends when nothing was sent for so long and all is answered; 3,600 at most, and by default.",
      schema: shape.idle_seconds,
    },
  ],
  request: {
    name: "StreamLine",
    schema: streamLineSchema,
    isLines: true,
    isOptional: true,
    examples: {
      "an item": {
        id: "1",
        input: "Why is the sky blue?",
        body: { model: "smollm2-135m-instruct", max_tokens: 30 },
      },
      "a template": { template: { model: "smollm2-135m-instruct", max_tokens: 30 } },
    },
  },
  answers: {
    200: {
      description: "A line for each item, and a last line.",
      content: { "application/x-ndjson": { name: "StreamResult", schema: streamResultSchema } },
    },
  },
  errors: [...CHANGE_ERRORS, 429],
};
