import type { CallToolResult } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Door } from "./door.ts";

/** What a call has besides its arguments. */
export type Call = {
  readonly door: Door;
  /** Aborts when the client cancels the call or leaves. */
  readonly signal: AbortSignal;
  /** Tells the client how far the call is, if it wants to know. */
  readonly report: (state: string) => void;
};

/** A tool of Sluice. */
export type SluiceTool = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What a model must be able to do, as `/v1/models` calls it. */
  readonly capability: string;
  readonly inputSchema: z.ZodType;
  readonly run: (args: unknown, call: Call) => Promise<CallToolResult>;
};

/** As long as a text may be, in characters: about as many tokens as the longest contexts have. */
export const MAX_TEXT_LENGTH = 4 * 1024 ** 2;

export const text = z.string().min(1).max(MAX_TEXT_LENGTH);
export const modelName = z
  .string()
  .min(1)
  .max(1_024)
  .describe(
    "A model's id, or preset/NAME. The resource sluice://models lists them. The first that can do this if absent.",
  );

/** Makes a tool whose arguments are checked before it runs. What is wrong with them is an answer that a model can read. */
export function defineTool<Schema extends z.ZodType>(
  tool: Omit<SluiceTool, "run" | "inputSchema"> & {
    readonly inputSchema: Schema;
    readonly run: (args: z.output<Schema>, call: Call) => Promise<CallToolResult>;
  },
): SluiceTool {
  return {
    ...tool,
    async run(args, call) {
      const parsed = tool.inputSchema.safeParse(args);
      return parsed.success ? tool.run(parsed.data, call) : failure(describeIssues(parsed.error));
    },
  };
}

export function answer(text: string, structured?: Record<string, unknown>): CallToolResult {
  return { content: [{ type: "text", text }], ...(structured !== undefined && { structuredContent: structured }) };
}

export function failure(message: string): CallToolResult {
  return { content: [{ type: "text", text: message }], isError: true };
}

const MAX_ISSUES = 5;

function describeIssues({ issues }: z.ZodError): string {
  const told = issues.slice(0, MAX_ISSUES).map(({ path, message }) => {
    const name = path.map(String).join(".").slice(0, 100);
    return name === "" ? message : `'${name}': ${message}`;
  });
  return `The arguments can't be used. ${told.join("; ")}.`;
}
