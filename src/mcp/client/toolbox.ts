import { type Connection, connectServer, McpServerError, type Patience } from "./connection.ts";
import { findFault, type OfferedTool, offer } from "./offered.ts";
import type { CallOutcome } from "./result.ts";
import type { ServerSettings } from "./settings.ts";

/** What a model is offered, at most: more would fill its context before the user's first word. */
const MAX_TOOLS = 64;

/** The tools of all servers. */
export type Toolbox = {
  readonly tools: readonly OfferedTool[];
  /** Calls a tool by the name that it is offered by. Rejects only with the reason of `signal`. */
  readonly call: (name: string, args: Record<string, unknown>, signal: AbortSignal) => Promise<CallOutcome>;
  /** Ends all servers. */
  readonly close: () => Promise<void>;
};

/**
 * Starts all servers at once, and lists their tools. What doesn't work is told by `onProblem`, and the others are there all the same. Rejects with the
 * reason of `signal`, and leaves no server behind then.
 */
export async function openToolbox(
  servers: readonly ServerSettings[],
  onProblem: (message: string) => void,
  signal: AbortSignal,
  patience?: Patience,
): Promise<Toolbox> {
  const connections = new Map<string, Connection>();
  const close = async () => {
    await Promise.all([...connections.values()].map((connection) => connection.close()));
  };
  await Promise.all(
    servers.map(async (settings) => {
      try {
        connections.set(settings.name, await connectServer(settings, signal, patience));
      } catch (error) {
        if (error instanceof McpServerError)
          onProblem(`The MCP server ${settings.name} can't be used: ${error.message}`);
        else if (!signal.aborted) throw error;
      }
    }),
  );
  if (signal.aborted) {
    await close();
    signal.throwIfAborted();
  }
  const tools = offerAll(servers, connections, onProblem);
  return {
    tools,
    async call(name, args, aborting) {
      const tool = tools.find((each) => each.name === name);
      const connection = tool && connections.get(tool.server);
      if (tool === undefined || connection === undefined) {
        const names = tools.map((each) => each.name).join(", ");
        return { text: `There is no tool ${JSON.stringify(name.slice(0, 100))}. There are: ${names}.`, isError: true };
      }
      return connection.call(tool.original, args, aborting);
    },
    close,
  };
}

function offerAll(
  servers: readonly ServerSettings[],
  connections: ReadonlyMap<string, Connection>,
  onProblem: (message: string) => void,
): readonly OfferedTool[] {
  const offered = new Map<string, OfferedTool>();
  // In the order of the settings, whichever was ready first.
  for (const { name: server } of servers) {
    const { tools, hasMore } = connections.get(server) ?? { tools: [], hasMore: false };
    let left = 0;
    const faults: string[] = [];
    for (const tool of tools) {
      const fault = findFault(tool);
      if (fault !== undefined) faults.push(`${JSON.stringify(tool.name.slice(0, 100))}: ${fault}`);
      else if (offered.size >= MAX_TOOLS) left += 1;
      else {
        const made = offer(server, tool, new Set(offered.keys()));
        offered.set(made.name, made);
      }
    }
    if (faults.length > 0) {
      const others = faults.length > 1 ? `, and ${faults.length - 1} more for such reasons` : "";
      onProblem(`A tool of ${server} is left out, ${faults[0]}${others}.`);
    }
    if (left > 0 || hasMore) {
      onProblem(
        `${server} has more tools, which are left out: a model is offered ${MAX_TOOLS} of all servers together.`,
      );
    }
  }
  return [...offered.values()];
}
