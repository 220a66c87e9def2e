import { z } from "zod";
import { CommandError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";

const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      capabilities: z.array(z.string()).default([]),
      preset: z.unknown().optional(),
    }),
  ),
});

/** What a model is asked for, as `/v1/models` calls it. */
type Capability = "chat" | "completion" | "embeddings" | "rerank";

/** The names by which a gateway answers such requests, presets after models. */
export async function listCapable(client: GatewayClient, capability: Capability): Promise<readonly string[]> {
  const { data } = listSchema.parse(await client.get("/v1/models"));
  const capable = data.filter(({ capabilities }) => capabilities.includes(capability));
  const [presets, models] = [true, false].map((isPreset) =>
    capable.filter(({ preset }) => (preset !== undefined) === isPreset).map(({ id }) => id),
  );
  return [...(models ?? []), ...(presets ?? [])];
}

/** The named model, or the first that can do this. Throws a CommandError if there is none. */
export async function chooseModel(
  client: GatewayClient,
  [named]: readonly string[],
  capability: Capability,
): Promise<string> {
  if (named !== undefined) return named;
  const [first] = await listCapable(client, capability);
  if (first !== undefined) return first;
  throw new CommandError(
    `The gateway at ${client.url} serves no model for this (${capability}). Name one with --model, or serve one.`,
  );
}
