import { z } from "zod";
import type { Operation } from "../operation.ts";
import { CHANGE_ERRORS } from "./shared.ts";

const message = z.looseObject({
  jsonrpc: z.literal("2.0").describe("Always `2.0`."),
  id: z.union([z.string(), z.number()]).optional().describe("The request's id; a notification has none."),
  method: z.string().optional().describe("Such as `tools/call`. What it takes is in `params`."),
});

export const mcp: Operation = {
  method: "post",
  path: "/mcp",
  id: "mcp",
  tag: "MCP",
  summary: "Serves models and presets as tools and prompts of MCP",
  description:
    "A message of the Model Context Protocol over streamable HTTP, of the version 2026-07-28 or older. Only with the setting `mcp`; without it the path is unknown.",
  request: {
    name: "McpMessage",
    schema: message,
    examples: { "the tools": { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} } },
  },
  answers: {
    200: {
      description: "The answer, or events with notifications and the answer.",
      content: {
        "application/json": { name: "McpAnswer", schema: message },
        "text/event-stream": { name: "McpAnswer", schema: message },
      },
    },
    202: { description: "A notification was taken." },
  },
  errors: [...CHANGE_ERRORS, 405],
};
