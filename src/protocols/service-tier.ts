import { z } from "zod";
import type { Priority } from "../generation/terms.ts";

/** OpenAI's `service_tier` of a request. Its effect depends on the key's terms. */
export const serviceTier = z.enum(["auto", "default", "flex", "scale", "priority"]);

export type ServiceTier = z.infer<typeof serviceTier>;

/** OpenAI's name for each priority. */
const TIERS = { interactive: "priority", default: "default", batch: "flex" } as const satisfies Readonly<
  Record<Priority, ServiceTier>
>;

/** The tier in an answer. */
export type UsedTier = (typeof TIERS)[Priority];

export function encodeServiceTier(priority: Priority): UsedTier {
  return TIERS[priority];
}
