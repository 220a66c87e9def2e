import type { Flags } from "../../config/load.ts";
import { type CliContext, EXIT } from "../context.ts";
import type { Interrupts } from "../interrupts.ts";
import { type Reached, reachGateway } from "../reach-gateway.ts";
import { watchForCommand } from "../run-preset.ts";

/** Runs `work` with a gateway, which ends with it if it was started for it. Throws what `reachGateway` and `work` do. */
export async function withGateway(
  flags: Flags,
  context: CliContext,
  work: (gateway: Reached, interrupts: Interrupts) => Promise<void>,
  options: Parameters<typeof reachGateway>[3] = {},
): Promise<number> {
  const interrupts = watchForCommand(context);
  try {
    await using gateway = await reachGateway(flags, context, interrupts.signal, options);
    await work(gateway, interrupts);
    return EXIT.done;
  } finally {
    interrupts.dispose();
  }
}
