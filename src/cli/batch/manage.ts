import { z } from "zod";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import { type CliContext, EXIT } from "../context.ts";
import type { GatewayClient } from "../gateway-client.ts";
import { reachRunning } from "../reach-gateway.ts";
import { watchForCommand } from "../run-preset.ts";
import { formatBatches, formatErrors, formatState } from "./format.ts";
import { batchSchema, type WireBatch } from "./wire.ts";

const listSchema = z.object({ data: z.array(batchSchema) });

/** `sluice batch list`. Throws a CommandError. */
export function listBatches(flags: Flags, context: CliContext): Promise<number> {
  return ask(flags, context, async (client) => {
    const { data } = listSchema.parse(await client.get("/v1/batches?limit=100"));
    context.stdout.write(flags.json === true ? `${JSON.stringify(data, null, 2)}\n` : formatBatches(data));
  });
}

/** `sluice batch show ID`. Throws a CommandError. */
export function showBatch(id: string, flags: Flags, context: CliContext): Promise<number> {
  return ask(flags, context, async (client) => {
    print(batchSchema.parse(await client.get(pathOf(id))), flags, context);
  });
}

/** `sluice batch cancel ID`. Throws a CommandError. */
export function cancelBatch(id: string, flags: Flags, context: CliContext): Promise<number> {
  return ask(flags, context, async (client) => {
    print(batchSchema.parse(await client.post(`${pathOf(id)}/cancel`, {})), flags, context);
  });
}

export function pathOf(id: string): string {
  return `/v1/batches/${encodeURIComponent(id)}`;
}

function print(batch: WireBatch, flags: Flags, { stdout }: CliContext): void {
  stdout.write(
    flags.json === true ? `${JSON.stringify(batch, null, 2)}\n` : `${formatState(batch)}\n${formatErrors(batch)}`,
  );
}

async function ask(flags: Flags, context: CliContext, work: (client: GatewayClient) => Promise<void>): Promise<number> {
  const interrupts = watchForCommand(context);
  try {
    await work(reachRunning(flags, context, interrupts.signal, CLIENT_KEYS));
    return EXIT.done;
  } finally {
    interrupts.dispose();
  }
}
