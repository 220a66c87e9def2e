import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Clock, systemClock } from "../../clock.ts";
import { isDefect } from "../../defect.ts";
import { readVersion } from "../../version.ts";
import { classify } from "./classify.ts";
import type { Door } from "./door.ts";
import { generate } from "./generate.ts";
import { listModels } from "./models.ts";
import { createProgressTeller } from "./progress.ts";
import { getPrompt, listPrompts } from "./prompts.ts";
import { failure, type SluiceTool } from "./tool.ts";
import { embed, rerank } from "./vectors.ts";

const TOOLS: readonly SluiceTool[] = [generate, classify, embed, rerank];

const objectSchema = z.looseObject({ type: z.literal("object") });

const MODELS_URI = "sluice://models";

const INSTRUCTIONS =
  "Sluice serves language models on the user's machine or network. Use generate and classify for work that a small model can do, " +
  "or that must stay there. The prompts are presets, and the resource sluice://models lists the models.";

type ServerOptions = {
  readonly door: Door;
  /** Hears of defects, which the client isn't told. */
  readonly onDefect: (error: unknown) => void;
  readonly clock?: Clock;
};

/** Makes an MCP server whose tools, prompts and resources are those of a gateway. It serves one connection, or one request. */
export function createMcpServer({ door, onDefect, clock = systemClock }: ServerOptions): Server {
  const server = new Server(
    { name: "sluice", title: "Sluice", version: readVersion() },
    { capabilities: { tools: {}, prompts: {}, resources: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler("tools/list", async () => ({ tools: (await offeredBy(door)).map(describeTool) }));
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }): Promise<CallToolResult> => {
    const { signal, _meta: meta, notify } = mcpReq;
    const tool = TOOLS.find(({ name }) => name === params.name);
    if (tool === undefined) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `There is no tool ${JSON.stringify(params.name.slice(0, 100))}. There are ${TOOLS.map(({ name }) => name).join(", ")}.`,
      );
    }
    const token = meta?.progressToken;
    const teller = createProgressTeller((progress) => {
      if (token === undefined) return;
      // A client that is gone hears nothing.
      void notify({ method: "notifications/progress", params: { progressToken: token, ...progress } }).catch(() => {});
    }, clock);
    try {
      return await tool.run(params.arguments ?? {}, { door, signal, report: teller.report });
    } catch (error) {
      signal.throwIfAborted();
      if (!isDefect(error) && error instanceof Error && !(error instanceof z.ZodError)) return failure(error.message);
      onDefect(error);
      return failure("Sluice has failed at this. Its log says more.");
    } finally {
      teller.end();
    }
  });
  server.setRequestHandler("prompts/list", async () => ({ prompts: [...(await listPrompts(door))] }));
  server.setRequestHandler("prompts/get", ({ params }, { mcpReq }) =>
    getPrompt(door, params.name, params.arguments ?? {}, mcpReq.signal),
  );
  server.setRequestHandler("resources/list", () => ({
    resources: [
      {
        ...{ uri: MODELS_URI, name: "models", title: "Models", mimeType: "application/json" },
        description: "The models and presets that this gateway serves, with their contexts and what they can do.",
      },
    ],
  }));
  server.setRequestHandler("resources/read", async ({ params: { uri } }) => {
    if (uri !== MODELS_URI) throw new ResourceNotFoundError(uri, `There is no ${uri}. There is ${MODELS_URI}.`);
    const text = JSON.stringify(await door.get("/v1/models"), null, 2);
    return { contents: [{ uri, mimeType: "application/json", text }] };
  });
  return server;
}

/** The tools for which there is a model; all while the gateway can't say, since it may be there when they are called. */
async function offeredBy(door: Door): Promise<readonly SluiceTool[]> {
  let able: ReadonlySet<string>;
  try {
    able = new Set((await listModels(door)).flatMap(({ capabilities }) => capabilities));
  } catch {
    return TOOLS;
  }
  return TOOLS.filter(({ capability }) => able.has(capability));
}

function describeTool({ name, title, description, inputSchema }: SluiceTool) {
  return {
    ...{ name, title, description },
    inputSchema: objectSchema.parse(z.toJSONSchema(inputSchema, { io: "input" })),
    // Nothing is changed by a call, and nothing but the gateway is asked.
    annotations: { readOnlyHint: true, openWorldHint: false },
  };
}
