import { z } from "zod";
import type { Door } from "./door.ts";

const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      capabilities: z.array(z.string()).default([]),
      description: z.string().optional(),
      preset: z
        .object({
          takes_input: z.boolean(),
          variables: z.record(
            z.string(),
            z.object({ type: z.string(), description: z.string().optional(), default: z.unknown().optional() }),
          ),
        })
        .optional(),
    }),
  ),
});

type Listed = z.output<typeof listSchema>["data"][number];

/** A preset, as the gateway lists it. */
export type ListedPreset = Listed & { readonly preset: NonNullable<Listed["preset"]> };

/** No model can do what is asked. */
class NoModelError extends Error {}

/** The models and presets of a gateway. */
export async function listModels(door: Door): Promise<readonly Listed[]> {
  return listSchema.parse(await door.get("/v1/models")).data;
}

export function isPreset(listed: Listed): listed is ListedPreset {
  return listed.preset !== undefined;
}

/** The preferred model that can do this, or else the first. Throws an error for the user if there is none. */
export async function chooseModel(door: Door, capability: string): Promise<string> {
  const [models, preferred = []] = await Promise.all([listModels(door), door.preferred?.()]);
  const able = models.filter((each) => !isPreset(each) && each.capabilities.includes(capability)).map(({ id }) => id);
  const [chosen] = [...preferred.filter((id) => able.includes(id)), ...able];
  if (chosen !== undefined) return chosen;
  throw new NoModelError(`The gateway serves no model for this (${capability}). Name one in 'model', or serve one.`);
}
