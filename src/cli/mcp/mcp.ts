import type { Flags } from "../../config/load.ts";
import type { Door } from "../../mcp/server/door.ts";
import { serveOverStdio } from "../../mcp/server/stdio.ts";
import { shellCommand } from "../../version.ts";
import { type CliContext, EXIT } from "../context.ts";
import { escapeAllButLayout } from "../controls.ts";
import { describeError, UsageError } from "../errors.ts";
import { type Reached, reachGateway } from "../reach-gateway.ts";
import { watchForCommand } from "../run-preset.ts";

/**
 * `sluice mcp`: an MCP server on stdin and stdout, until its client ends. The client is answered while the gateway is still being started. An editor
 * starts it in whatever folder it has opened, so nothing is taken from there that isn't named. Throws a CommandError if there is no client, or if
 * no gateway can be had.
 */
export async function mcp(flags: Flags, context: CliContext): Promise<number> {
  const { stdin, stdout, stderr } = context;
  if (stdin === undefined || stdin.isTTY === true) {
    throw new UsageError(
      `There is no client: an editor or an agent starts this command and talks to it. For a chat here, use \`${shellCommand("chat")}\`.`,
    );
  }
  const interrupts = watchForCommand(context);
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupts.signal, ended.signal]);
  const reaching = reachGateway(flags, context, signal, { usesCache: true, isForeign: true });
  try {
    const serving = serveOverStdio(doorTo(reaching), {
      ...{ stdin, stdout, signal },
      onError: (error) => void stderr.write(`error: ${escapeAllButLayout(describeError(error))}\n`),
    });
    // It ends early only if there is no gateway.
    await Promise.race([serving, reaching.then(() => serving)]);
    interrupts.signal.throwIfAborted();
    return EXIT.done;
  } finally {
    ended.abort();
    const reached = await reaching.catch(() => undefined);
    await reached?.[Symbol.asyncDispose]();
    interrupts.dispose();
  }
}

function doorTo(reaching: Promise<Reached>): Door {
  return {
    preferred: async () => (await reaching).models,
    get: async (path) => (await reaching).client.get(path),
    post: async (path, body, signal) => (await reaching).client.post(path, body, signal),
    async *stream(path, body, signal) {
      yield* (await reaching).client.stream(path, body, signal);
    },
  };
}
