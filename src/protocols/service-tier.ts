import { z } from "zod";
import type { Priority } from "../generation/terms.ts";

/** OpenAI's `service_tier`, as a request may ask for it. What becomes of it depends on who asks. */
export const serviceTier = z.enum(["auto", "default", "flex", "scale", "priority"]);

export type ServiceTier = z.infer<typeof serviceTier>;

/** What OpenAI calls each priority. */
const TIERS = { interactive: "priority", default: "default", batch: "flex" } as const satisfies Readonly<
  Record<Priority, ServiceTier>
>;

/** The tier that was used, as an answer tells it. */
export type UsedTier = (typeof TIERS)[Priority];

export function encodeServiceTier(priority: Priority): UsedTier {
  return TIERS[priority];
}
