import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import type { Flags } from "../config/load.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError } from "./errors.ts";
import { reachRunning } from "./reach-gateway.ts";
import { watchForCommand } from "./run-preset.ts";

/** How often the gateway is asked how far it is. */
const LOOK_MS = 200;

const shown = z.object({ id: z.string(), state: z.string() });

/** What each command waits for. */
const ENDS = { load: "ready", unload: "unloaded" } as const;

/**
 * `sluice load NAME` and `sluice unload NAME`: has a running gateway load or unload a model, and waits until it has. Throws a CommandError if the
 * gateway refuses or the model fails.
 */
export async function changeLoading(
  change: keyof typeof ENDS,
  name: string,
  flags: Flags,
  context: CliContext,
): Promise<number> {
  const interrupts = watchForCommand(context);
  try {
    const { signal } = interrupts;
    const client = reachRunning(flags, context, signal);
    await client.post(`/models/${change}`, { model: name });
    for (;;) {
      const model = shown.parse(await client.get(`/v1/models/${encodeURIComponent(name)}`));
      if (model.state === ENDS[change]) {
        const told = flags.json === true ? JSON.stringify(model, null, 2) : `${model.id}: ${model.state}`;
        context.stdout.write(`${told}\n`);
        return EXIT.done;
      }
      if (model.state === "failed") {
        throw new CommandError(`${model.id} has failed to ${change}. The gateway's log says why.`);
      }
      await setTimeout(LOOK_MS, undefined, { signal }).catch((error: unknown) => {
        signal.throwIfAborted();
        throw error;
      });
    }
  } finally {
    interrupts.dispose();
  }
}
